"""The append-only promotion log: which bundle is the champion, which was, and why."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from io import FileIO
from pathlib import Path
from typing import Any, Literal

from crossfade.schema.errors import CrossfadeError, IntegrityError, NotFoundError

Action = Literal["promote", "refuse", "rollback", "replace"]


@dataclass(frozen=True)
class Promotion:
    """One line of the log.

    Args:
        time: When it was written, ISO 8601 in UTC.
        action: "promote" and "rollback" make `digest` the champion, "refuse" changes nothing, "replace" puts `digest` wherever
            `previous` stood.
        digest: The bundle that this is about.
        previous: The champion before this line, None when there was none; of "replace", what is gone.
        reason: One sentence.
        run_id: The run that decided.
        evaluation: The figures that the decision rests on.
        code_version: Version of this library.
    """

    time: str
    action: Action
    digest: str
    previous: str | None
    reason: str
    run_id: str
    evaluation: Mapping[str, Any]
    code_version: str


@dataclass(frozen=True)
class PromotionLog:
    """A JSONL file to which lines are only ever added.

    A last line that kill -9 tore is no promotion: reading ignores it and the next line replaces it.

    Args:
        path: The file; the first line makes it.
    """

    path: Path

    def lines(self) -> list[Promotion]:
        """Return all whole lines, oldest first.

        Raises:
            IntegrityError: A line is damaged.
        """
        return _parsed(self.path.read_bytes(), self.path)[0] if self.path.is_file() else []

    def champions(self) -> list[str]:
        """Return the champions that one rollback after the other leads through, the present one last."""
        return _champions(self.lines())

    def promote(
        self,
        digest: str,
        *,
        reason: str,
        run_id: str,
        evaluation: Mapping[str, Any],
        reigning: str | None = None,
    ) -> Promotion:
        """Make a bundle the champion; promoting the champion again adds no line.

        Args:
            digest: The bundle.
            reason: One sentence.
            run_id: The run that decided.
            evaluation: The figures that the decision rests on.
            reigning: The champion whose place it may take, "" for nobody's; None for anybody's.

        Raises:
            CrossfadeError: The champion is another than `reigning`.
        """
        with self._open() as (log, lines):
            champion = _last(_champions(lines))
            if champion == digest:
                return next(line for line in reversed(lines) if line.action != "refuse")
            if reigning is not None and reigning != (champion or ""):
                raise CrossfadeError(
                    f"Bundle {digest} was judged against champion {reigning or 'none'}, but the champion is "
                    f"{champion or 'none'} by now and stays; run the training pipeline again."
                )
            line = _line("promote", digest, champion, reason=reason, run_id=run_id, evaluation=evaluation)
            return self._append(log, line)

    def refuse(self, digest: str, *, reason: str, run_id: str, evaluation: Mapping[str, Any]) -> Promotion:
        """Note that a bundle was not promoted; the same run refusing it again adds no line."""
        with self._open() as (log, lines):
            for known in lines:
                if (known.action, known.digest, known.run_id) == ("refuse", digest, run_id):
                    return known
            champion = _last(_champions(lines))
            line = _line("refuse", digest, champion, reason=reason, run_id=run_id, evaluation=evaluation)
            return self._append(log, line)

    def rollback(self, *, reason: str, run_id: str) -> Promotion:
        """Make the champion before this one the champion again; doing it twice goes two champions back.

        Raises:
            NotFoundError: There was none before.
        """
        with self._open() as (log, lines):
            champions = _champions(lines)
            if len(champions) < 2:
                raise NotFoundError(
                    f"There is no earlier champion to roll back to: {self.path} knows {champions or 'none'}."
                )
            restored, champion = champions[-2:]
            line = _line("rollback", restored, champion, reason=reason, run_id=run_id, evaluation={})
            return self._append(log, line)

    def replace(self, old: str, new: str, *, reason: str, run_id: str) -> None:
        """Put a bundle where another one stood that is gone; one that never was champion, and doing it again, add no line."""
        with self._open() as (log, lines):
            if old in _champions(lines):
                line = _line("replace", new, old, reason=reason, run_id=run_id, evaluation={})
                self._append(log, line)

    @contextmanager
    def _open(self) -> Iterator[tuple[FileIO, list[Promotion]]]:
        """Lock the file, so that no two runs promote on the same view, and cut off a torn last line."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b", buffering=0) as log:
            fcntl.flock(log, fcntl.LOCK_EX)
            log.seek(0)
            lines, whole_bytes = _parsed(log.read(), self.path)
            log.truncate(whole_bytes)
            yield log, lines

    def _append(self, log: FileIO, line: Promotion) -> Promotion:
        content = json.dumps(asdict(line)).encode() + b"\n"
        try:
            if (written := log.write(content)) < len(content):
                raise OSError(f"only {written} of {len(content)} bytes fitted")
            os.fsync(log.fileno())
        except OSError as error:
            raise CrossfadeError(
                f"{line.action} {line.digest} could not be written to {self.path}: {error}. The champion is "
                "unchanged; free space on that disk and run this again."
            ) from error
        return line


def _line(action: Action, digest: str, previous: str | None, **why: Any) -> Promotion:
    return Promotion(
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        action=action,
        digest=digest,
        previous=previous,
        code_version=version("crossfade"),
        **why,
    )


def _parsed(content: bytes, path: Path) -> tuple[list[Promotion], int]:
    """Return the whole lines and how many bytes they take."""
    whole = content[: content.rfind(b"\n") + 1]
    lines = []
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            lines.append(Promotion(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise IntegrityError(
                f"{path}, line {number} is damaged ({error}): the champion is not certain; restore the file."
            ) from error
    return lines, len(whole)


def _champions(lines: Sequence[Promotion]) -> list[str]:
    champions: list[str] = []
    for line in lines:
        if line.action == "promote":
            champions.append(line.digest)
        elif line.action == "rollback":
            champions.pop()
        elif line.action == "replace":
            champions = [line.digest if digest == line.previous else digest for digest in champions]
    return champions


def _last(champions: Sequence[str]) -> str | None:
    return champions[-1] if champions else None
