"""What was shown and opened on Home, as a log without people; and what a bandit learns of it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from crossfade.experiments.bandits import Arms, Feedback
from crossfade.experiments.home import DIM, Home, Shown, at_position
from crossfade.schema.errors import NotFoundError

SHOWN: Final = "shown"
OPENED: Final = "opened"
SECONDS_PER_HOUR: Final = 3600


def shown_lines(
    slate_id: str, seconds: int, context: Sequence[float], modules: Sequence[Shown]
) -> list[bytes]:
    """Return the lines of a screen, one a module; they name nobody."""
    return [
        json.dumps(
            {
                "event": SHOWN,
                "slate_id": slate_id,
                "seconds": seconds,
                "module": each.module.module,
                "position": position,
                "propensity": each.propensity,
                "context": at_position(context, position),
            }
        ).encode()
        for position, each in enumerate(modules)
    ]


def opened_line(slate_id: str, seconds: int, module: str) -> bytes:
    """Return the line of a module that was opened."""
    return json.dumps({"event": OPENED, "slate_id": slate_id, "seconds": seconds, "module": module}).encode()


def learnt_from(path: Path, home: Home, now: int) -> tuple[Arms, int, int]:
    """Learn all that a log tells, as of a moment.

    A module that was opened within `feedback_hours` is a reward of 1, one that was not is 0 once they are over; of what was
    shown since then and not opened nothing is concluded yet.

    Args:
        path: The log; lines that are no events of it are passed over and counted.
        home: The modules; what the log says of others is left out.
        now: UTC seconds.

    Returns:
        The arms, how many shown modules count, and how many lines make no sense.

    Raises:
        NotFoundError: There is no log.
    """
    if not path.exists():
        raise NotFoundError(
            f"There is no log {path}; the gateway writes one when it is asked for Home's modules."
        )
    with path.open("rb") as file:
        events, refused = _events(file)
    opened = _first_opened(events)
    places = {each.module: place for place, each in enumerate(home.modules)}
    told = []
    for event in events.values():
        if event["module"] in places:
            wait = home.feedback_hours * SECONDS_PER_HOUR
            when = opened.get((event["slate_id"], event["module"]))
            is_opened = when is not None and when - event["seconds"] <= wait
            if is_opened or event["seconds"] + wait <= now:
                told.append((event["context"], places[event["module"]], float(is_opened), event["seconds"]))
    return home.unknown.learnt(_feedback(told), now, home.half_life_days), len(told), refused


def _feedback(told: Sequence[tuple[list[float], int, float, int]]) -> Feedback:
    contexts, arms, rewards, seconds = zip(*told, strict=True) if told else ((), (), (), ())
    return Feedback(
        np.array(contexts, np.float64).reshape(-1, DIM),
        np.array(arms, np.int32),
        np.array(rewards, np.float64),
        np.array(seconds, np.int64),
    )


def _events(lines: Iterable[bytes]) -> tuple[dict[tuple[str, str, str], Mapping[str, Any]], int]:
    """Return each event once, by kind, slate and module, the earliest of those that repeat; and how many lines are none."""
    found: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    refused = 0
    for line in lines:
        try:
            event = json.loads(line)
            key = (str(event["event"]), str(event["slate_id"]), str(event["module"]))
            is_whole = key[0] == OPENED or (key[0] == SHOWN and len(event["context"]) == DIM)
            is_whole = is_whole and isinstance(event["seconds"], int)
        except (ValueError, KeyError, TypeError):
            is_whole = False
        if is_whole:
            found.setdefault(key, event)
        refused += not is_whole
    return found, refused


def _first_opened(events: dict[tuple[str, str, str], Mapping[str, Any]]) -> dict[tuple[str, str], int]:
    """Take what was opened out of the events, and return its moments by slate and module."""
    keys = [key for key in events if key[0] == OPENED]
    return {key[1:]: int(events.pop(key)["seconds"]) for key in keys}
