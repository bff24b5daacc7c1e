"""The log of online features: what each shown track's ranking features were when a request was answered, as JSON lines."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pydantic

from crossfade.recommender.asking import Ask
from crossfade.schema.errors import InputError, NotFoundError
from crossfade.schema.tasks import TASKS, Task

if TYPE_CHECKING:
    from crossfade.recommender.ranked import Ranked
    from crossfade.recommender.recommend import Recommender
    from crossfade.recommender.requests import Requests
    from crossfade.recommender.slates import Slates

DIGEST_BYTES: Final = 8

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class LoggedRequest:
    """One answered request.

    Args:
        request: As it was asked.
        moment: UTC seconds as of which it was answered.
        bundle: Digest of the bundle.
        statistics_as_of: UTC seconds of the counts that were read: the bundle's, or those of the online store.
        task: Whose features.
        track_ids: [k] shown tracks, best first.
        features: [k, num_features] float32 in the order of `task.features`, NaN where missing.
    """

    request: Ask
    moment: int
    bundle: str
    statistics_as_of: int
    task: Task
    track_ids: tuple[str, ...]
    features: Floats

    @property
    def name(self) -> str:
        """What people know the request by."""
        return self.request.request_id or self.request.user_id or "?"

    def as_json(self) -> dict[str, Any]:
        """Return what a line holds; missing features are null."""
        rows = [[None if np.isnan(value) else float(value) for value in row] for row in self.features]
        return {
            "request": self.request.model_dump(mode="json", exclude_defaults=True),
            "moment": datetime.fromtimestamp(self.moment, UTC).isoformat(),
            "bundle": self.bundle,
            "statistics_as_of": datetime.fromtimestamp(self.statistics_as_of, UTC).isoformat(),
            "task": self.task.name,
            "layout": layout_digest(self.task),
            "track_ids": list(self.track_ids),
            "features": rows,
        }

    @classmethod
    def of(cls, line: str) -> "LoggedRequest":
        """Read a line.

        Raises:
            ValueError: It is not what `as_json` returns, or of other features than this code computes.
        """
        values = json.loads(line)
        task = TASKS[values["task"]]
        if values["layout"] != layout_digest(task):
            raise ValueError(f"layout {values['layout']}, but this Crossfade's is {layout_digest(task)}")
        rows = [[np.nan if value is None else value for value in row] for row in values["features"]]
        return cls(
            Ask.model_validate(values["request"]),
            _seconds(values["moment"]),
            values["bundle"],
            _seconds(values["statistics_as_of"]),
            task,
            tuple(values["track_ids"]),
            np.array(rows, np.float32).reshape(len(rows), len(task.features)),
        )


@dataclass(frozen=True)
class FeatureLog:
    """A file that answered requests are appended to; any number of processes may append to it.

    It names users: `crossfade erase` has to go through it, and so has who rotates it.

    Args:
        path: A JSON Lines file; made where it is missing.
    """

    path: Path

    def append(
        self,
        recommender: "Recommender",
        asks: Sequence[Ask],
        requests: "Requests",
        ranked: "Ranked",
        slates: "Slates",
    ) -> None:
        """Append n answered requests with the features of the tracks that they are shown.

        Args:
            recommender: That answered.
            asks: The n requests, of one surface.
            requests: The same in rows.
            ranked: Their candidates.
            slates: Their slates.
        """
        entries = logged(recommender, asks, requests, ranked, slates)
        text = "".join(json.dumps(entry.as_json(), ensure_ascii=False) + "\n" for entry in entries)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text)

    def read(self) -> list[LoggedRequest]:
        """Read all requests of the log.

        Raises:
            NotFoundError: There is no such file.
            InputError: A line is not of a log; names it.
        """
        try:
            with self.path.open(encoding="utf-8") as file:  # splitlines() would also part an id at a U+0085
                lines = list(file)
        except (FileNotFoundError, IsADirectoryError) as error:
            raise NotFoundError(
                f"There is no log of features at {self.path}; write one with: crossfade recommend --feature-log FILE"
            ) from error
        return [self._read(line, number) for number, line in enumerate(lines, 1)]

    def _read(self, line: str, number: int) -> LoggedRequest:
        try:
            return LoggedRequest.of(line)
        except (ValueError, KeyError, TypeError, pydantic.ValidationError) as error:
            raise InputError(
                f"{self.path}, line {number} is not a line of a feature log: {error!r}."
            ) from error


def logged(
    recommender: "Recommender", asks: Sequence[Ask], requests: "Requests", ranked: "Ranked", slates: "Slates"
) -> Iterator[LoggedRequest]:
    """Yield what the log keeps of n answered requests; arguments as in `FeatureLog.append`."""
    task = recommender.ranker_of(requests.surface).task
    ids = recommender.catalogue.tracks
    for place, ask in enumerate(asks):
        shown = slates.rows[place][slates.rows[place] >= 0]
        candidates = ranked.candidates.rows[place]
        places = np.array([np.flatnonzero(candidates == row)[0] for row in shown], np.int64)
        yield LoggedRequest(
            ask,
            int(requests.queries.as_of[place]),
            recommender.digest,
            int(recommender.statistics.as_of[0]),
            task,
            tuple(str(track) for track in ids.names(shown)),
            ranked.features[place][places],
        )


def layout_digest(task: Task) -> str:
    """Return a digest of a task's features and their order."""
    return blake2b("\0".join(task.features).encode(), digest_size=DIGEST_BYTES).hexdigest()


def _seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())
