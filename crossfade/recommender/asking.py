"""Requests as callers write them, with external ids: read from JSON lines; `asked_rows` turns them into rows."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import pydantic
from pydantic import Field

from crossfade.recommender.surfaces import surface_of
from crossfade.schema.errors import InputError
from crossfade.schema.section import Share
from crossfade.schema.tables import Surface

Id = Annotated[str, Field(min_length=1)]


class SessionTrack(pydantic.BaseModel):
    """One track of a running session; without a share it counts as played."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    track_id: Id
    played_share: Share | None = None


class Ask(pydantic.BaseModel):
    """One request, with external ids.

    Args:
        request_id: Comes back with the answer; users asked for by id have none.
        surface: Where the slate appears.
        user_id: None or unknown is answered by the session and the picks, else by popularity.
        session: Just played, oldest first.
        seed_track: To start from; counts as just saved.
        country: Instead of the user's own.
        time: As of when; without a zone UTC. None takes the bundle's end, and says nothing of hour and weekday.
        exclude: Tracks not wanted.
        device: What the listener plays on, as in events; what training never saw says nothing.
        shuffle: Whether played in shuffled order.
        context: What the listener is about, as in events.
        artists: Picked when signing up, ids or names.
        genres: Picked when signing up.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    request_id: Id | None = None
    surface: Surface
    user_id: Id | None = None
    session: tuple[Id | SessionTrack, ...] = ()
    seed_track: Id | None = None
    country: Id | None = None
    time: datetime | None = None
    exclude: tuple[Id, ...] = ()
    device: Id | None = None
    shuffle: bool | None = None
    context: Id | None = None
    artists: tuple[Id, ...] = ()
    genres: tuple[Id, ...] = ()

    @property
    def seconds(self) -> int | None:
        """UTC seconds of `time`."""
        if self.time is None:
            return None
        return int((self.time if self.time.tzinfo else self.time.replace(tzinfo=UTC)).timestamp())


@dataclass(frozen=True)
class Unknown:
    """What requests name but the bundle does not know: users (answered by popularity), tracks and picks (left out)."""

    users: tuple[str, ...]
    num_tracks: int
    picks: tuple[str, ...] = ()


def asks_of_users(user_ids: Sequence[str], surface: Surface) -> list[Ask]:
    """Return a request for each user."""
    return [Ask(surface=surface, user_id=user) for user in user_ids]


def read_users(path: Path) -> list[str]:
    """Read user ids, one a line; blank lines are passed over.

    Raises:
        InputError: There is no such file, it is not UTF-8, or it names nobody.
    """
    users = [line.strip() for line in _lines(path, "Users") if line.strip()]
    if not users:
        raise InputError(f"{path} names no users; write one user id a line.")
    return users


def read_asks(path: Path, surface: Surface | None = None) -> list[Ask]:
    """Read requests from a file of JSON lines.

    Args:
        path: One JSON object a line; blank lines are passed over.
        surface: Of lines that name none.

    Raises:
        InputError: Names file, line, key and value.
    """
    lines = _lines(path, "Requests")
    asks = [
        _ask(line, f"{path}, line {number}", surface) for number, line in enumerate(lines, 1) if line.strip()
    ]
    if not asks:
        raise InputError(f"{path} holds no requests; write one JSON object a line.")
    return asks


def _lines(path: Path, kind: str) -> list[str]:
    try:
        return path.read_text("utf-8").split("\n")  # splitlines() would also part an id at a U+0085
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError(f"{kind} file {path} does not exist.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: {error.reason} at byte {error.start}.") from error


def _ask(line: str, place: str, surface: Surface | None) -> Ask:
    try:
        values = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{place}: not JSON: {error.msg} at column {error.colno}.") from error
    return ask_of(values, place, surface)


def ask_of(values: object, place: str, surface: Surface | None = None) -> Ask:
    """Read one request from JSON values.

    Args:
        values: An object with the keys of `Ask`; `request_id` is needed.
        place: Where it stands, for messages.
        surface: Of a request that names none.

    Raises:
        InputError: Names place, key and value.
    """
    if not isinstance(values, dict):
        raise InputError(
            f'{place}: needs an object such as {{"request_id": "r1"}}, got {type(values).__name__}.'
        )
    if values.get("request_id") is None:
        raise InputError(f"{place}: request_id is missing; the answer is known by it.")
    if values.get("surface") is None:
        if surface is None:
            raise InputError(
                f"{place}: surface is missing; name one of {', '.join(Surface)} here or by --surface."
            )
        values = {**values, "surface": surface}
    try:
        return Ask.model_validate({**values, "surface": surface_of(values["surface"])})
    except InputError as error:
        raise InputError(f"{place}: {error}") from error
    except pydantic.ValidationError as error:
        first = max(error.errors(), key=lambda fault: len(fault["loc"]))  # the innermost says most
        if first["type"] == "extra_forbidden":
            known = ", ".join(Ask.model_fields)
            raise InputError(f"{place}: unknown key {first['loc'][-1]}; known: {known}.") from error
        key = ".".join(
            str(part) for part in first["loc"] if not str(part).startswith(("constrained", "Session"))
        )
        raise InputError(f"{place}: {key}={first['input']!r}: {first['msg']}.") from error
