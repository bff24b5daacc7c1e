"""What was decided about an experiment and done: lines that are only ever added, from which follows where it stands.

A step adds a line before it changes anything and another one after: a line that nothing follows is what a killed step left to be
finished. A last line that kill -9 tore was never written: reading ignores it and the next line replaces it.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from crossfade.experiments.decision import Action
from crossfade.schema.durable import sync_directory
from crossfade.schema.errors import IntegrityError

HISTORY: Final = "history"


class Phase(StrEnum):
    """Of one step."""

    BEGUN = "begun"
    DONE = "done"


class Begin(StrEnum):
    """What no decision is needed for."""

    BEGIN = "begin"


@dataclass(frozen=True)
class Line:
    """One line.

    Args:
        time: UTC, ISO 8601; both lines of a step have the same.
        phase: Begun or done.
        action: A value of `Action`, or "begin".
        step: Of the ramp that runs from here on, from 1.
        treatment: That is promoted.
        reasons: Sentences, the deciding one first.
        seen: What `status` told when this was decided; empty where nothing was looked at.
        identity: What must stay as long as the experiment runs, as `identity` has it.
    """

    time: str
    phase: Phase
    action: str
    step: int
    treatment: str | None
    reasons: Sequence[str]
    seen: Mapping[str, Any]
    identity: Mapping[str, Any]


@dataclass(frozen=True)
class Standing:
    """Where an experiment stands.

    Args:
        step: Of the ramp, from 1; 0 before it began.
        began: UTC.
        step_began: UTC, of the running step.
        unfinished: The step that was begun and not done.
        ended: What ended it.
    """

    step: int
    began: datetime | None
    step_began: datetime | None
    unfinished: Line | None
    ended: Line | None

    @property
    def ended_at(self) -> datetime | None:
        """UTC, when it ended; None while it runs."""
        return datetime.fromisoformat(self.ended.time) if self.ended else None

    @classmethod
    def of(cls, lines: Sequence[Line]) -> "Standing":
        """Return where these lines lead."""
        step, began, step_began, ended = 0, None, None, None
        for line in lines:
            if line.step != step:
                step, step_began = line.step, datetime.fromisoformat(line.time)
                began = began or step_began
            if line.action in (Action.PROMOTE, Action.ROLL_BACK):
                ended = line
        unfinished = lines[-1] if lines and lines[-1].phase is Phase.BEGUN else None
        return cls(step, began, step_began, unfinished, ended)


@dataclass(frozen=True)
class History:
    """The lines of one experiment.

    Args:
        path: JSONL file; the first line makes it.
    """

    path: Path

    def lines(self) -> list[Line]:
        """Return all whole lines, oldest first.

        Raises:
            IntegrityError: A line is damaged.
        """
        content = self.path.read_bytes() if self.path.is_file() else b""
        found = []
        for number, text in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), start=1):
            try:
                told = json.loads(text)
                found.append(Line(**{**told, "phase": Phase(told["phase"])}))
            except (ValueError, TypeError, KeyError) as error:
                raise IntegrityError(
                    f"{self.path}, line {number} is damaged ({error}): where the experiment "
                    "stands is not certain; restore the file."
                ) from error
        return found

    def append(self, line: Line) -> None:
        """Add a line, durably; what was torn goes."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
            file.write(json.dumps(asdict(line), allow_nan=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_directory(self.path.parent)


def history_of(directory: Path, name: str) -> History:
    """Return the history of an experiment in a rollout's directory."""
    return History(directory / HISTORY / f"{name}.jsonl")
