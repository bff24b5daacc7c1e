"""Requests as callers write them, with external ids: read from JSON lines, turned into rows once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pydantic
from pydantic import Field

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Codes, Int64s, Queries
from crossfade.features.running_sessions import Sessions, with_sessions
from crossfade.features.traits import time_codes, trait, unknown
from crossfade.recommender.onboarding import picks_of
from crossfade.recommender.requests import Requests, listen_strengths
from crossfade.recommender.surfaces import surface_of
from crossfade.schema import columns as c
from crossfade.schema.errors import InputError
from crossfade.schema.ids import Rows
from crossfade.schema.lake_settings import LakeSettings
from crossfade.schema.own_ids import own_rows
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


def requests_of(
    asks: Sequence[Ask], dataset: Dataset, as_of: int, k: int, *, lake: LakeSettings, home: Path | None = None
) -> tuple[Requests, Unknown]:
    """Turn requests of one surface into rows.

    Args:
        asks: At least one, all of the same surface.
        dataset: Users, catalogue and histories.
        as_of: UTC seconds for requests without a time.
        k: Tracks wanted in each slate.
        lake: How played shares become strengths.
        home: Of the bundle, from which the key of its users' names is looked for.

    Raises:
        InputError: A seed track is unknown; names request and track.
        NotFoundError: Users stand under pseudonyms whose key is not here.
    """
    users = own_rows(dataset.users.ids, _texts([ask.user_id for ask in asks]), home)
    seconds = np.array([as_of if ask.seconds is None else ask.seconds for ask in asks], np.int64)
    queries = _as_of(dataset.queries(users, as_of), seconds, dataset)
    countries = dataset.users.countries.rows(_texts([ask.country for ask in asks]))
    asked = np.array([ask.country is not None for ask in asks])
    queries = replace(
        queries,
        country_rows=np.where(asked, countries, queries.country_rows).astype(np.int32),
        traits=_traits(asks, dataset, users, seconds),
    )
    seeds = _seeds(asks, dataset)
    sessions, unknown_played = _sessions(asks, dataset, seeds, lake)
    excluded = [dataset.catalogue.tracks.rows(list(ask.exclude)) for ask in asks]
    known = [rows[rows >= 0] for rows in excluded]
    picks, unknown_picks = picks_of([ask.artists for ask in asks], [ask.genres for ask in asks], dataset)
    requests = Requests(
        with_sessions(queries, sessions),
        asks[0].surface,
        k,
        seeds,
        np.concatenate([[0], np.cumsum([len(rows) for rows in known])]).astype(np.int64),
        np.concatenate(known).astype(np.int32),
        picks=picks if len(picks.track_rows) else None,
    )
    unknown_excluded = sum(map(len, excluded)) - sum(map(len, known))
    strangers = [
        ask.user_id for ask, row in zip(asks, users, strict=True) if ask.user_id is not None and row < 0
    ]
    return requests, Unknown(tuple(strangers), unknown_played + unknown_excluded, unknown_picks)


def _texts(values: Sequence[str | None]) -> list[str]:
    # No id is empty, so an empty text is an unknown row.
    return [value or "" for value in values]


def _as_of(queries: Queries, seconds: Int64s, dataset: Dataset) -> Queries:
    """Move each query to its own moment: what is later is gone."""
    if (seconds == queries.as_of).all():
        return queries
    moved = replace(queries, as_of=seconds, followed=dataset.follows.followed(queries.user_rows, seconds))
    return moved.keep(queries.seconds < seconds[queries.owners])


def _traits(asks: Sequence[Ask], dataset: Dataset, users: Rows, seconds: Int64s) -> Codes:
    """Return what is known of the listeners and of their moments, [n, 6]."""
    profiles = dataset.profiles(users, seconds)
    traits = unknown(len(asks)) if profiles is None else profiles
    for ask, codes in zip(asks, traits, strict=True):
        told = {column: getattr(ask, column) for column in c.SITUATION}
        names = ["" if value is None else trait(column, value) for column, value in told.items()]
        codes[1 : 1 + len(c.SITUATION)] = dataset.traits.rows(names)
    timed = np.array([ask.time is not None for ask in asks]) & dataset.split.has_time
    if timed.any():
        traits[timed, 1 + len(c.SITUATION) :] = time_codes(seconds[timed], dataset.traits)
    return traits


def _seeds(asks: Sequence[Ask], dataset: Dataset) -> Rows:
    rows = dataset.catalogue.tracks.rows(_texts([ask.seed_track for ask in asks]))
    for ask, row in zip(asks, rows, strict=True):
        if ask.seed_track is not None and row < 0:
            raise InputError(
                f"Request {ask.request_id}: seed_track {ask.seed_track!r} is not in the bundle's catalogue; "
                "name a track that is, or leave it out."
            )
    return rows


def _durations_ms(rows: Rows, dataset: Dataset) -> npt.NDArray[np.float64]:
    """Return the durations of tracks [m], NaN where the track (-1) or its duration is unknown."""
    if not len(dataset.catalogue):
        return np.full(len(rows), np.nan)
    durations = dataset.catalogue.durations_ms[rows]
    return np.where((rows >= 0) & (durations >= 0), durations, np.nan)


def _sessions(asks: Sequence[Ask], dataset: Dataset, seeds: Rows, lake: LakeSettings) -> tuple[Sessions, int]:
    """Return each request's session with its seed last, and how many of its tracks are unknown."""
    played = [
        [SessionTrack(track_id=track) if isinstance(track, str) else track for track in ask.session]
        for ask in asks
    ]
    owners = np.repeat(np.arange(len(asks)), [len(tracks) for tracks in played])
    flat = [track for tracks in played for track in tracks]
    rows = dataset.catalogue.tracks.rows([track.track_id for track in flat])
    shares = np.array([np.nan if track.played_share is None else track.played_share for track in flat], float)
    known = rows >= 0
    strengths = listen_strengths(shares, _durations_ms(rows, dataset), lake)
    seeded = np.flatnonzero(seeds >= 0)
    owners = np.concatenate([owners[known], seeded])
    order = np.argsort(owners, kind="stable")
    saved = np.full(len(seeded), lake.save_strength, np.float32)
    sessions = Sessions(
        np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=len(asks)))]).astype(np.int64),
        np.concatenate([rows[known], seeds[seeded]])[order],
        np.concatenate([strengths[known], saved])[order],
    )
    return sessions, int((~known).sum())
