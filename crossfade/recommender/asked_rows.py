"""Requests as callers wrote them, turned into rows: each column of a batch."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import numpy as np
import numpy.typing as npt

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Codes, Floats, Int64s, Queries
from crossfade.features.running_sessions import Sessions, with_sessions
from crossfade.features.traits import time_codes, trait, unknown
from crossfade.recommender.asking import Ask, SessionTrack, Unknown
from crossfade.recommender.onboarding import picks_of
from crossfade.recommender.requests import Requests, listen_strengths
from crossfade.schema import columns as c
from crossfade.schema.errors import InputError
from crossfade.schema.ids import NO_ROW, Rows
from crossfade.schema.lake_settings import LakeSettings
from crossfade.schema.own_ids import own_rows


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
    queries = _situated(asks, _of_moments(asks, dataset.queries(users, as_of), dataset), dataset)
    seeds = _seeds(asks, dataset)
    sessions, unknown_played = _sessions(asks, dataset, seeds, lake)
    excluded_offsets, excluded, unknown_excluded = _excluded(asks, dataset)
    picks, unknown_picks = picks_of([ask.artists for ask in asks], [ask.genres for ask in asks], dataset)
    requests = Requests(
        with_sessions(queries, sessions),
        asks[0].surface,
        k,
        seeds,
        excluded_offsets,
        excluded,
        picks=picks if len(picks.track_rows) else None,
    )
    strangers = [
        ask.user_id
        for ask, row in zip(asks, users.tolist(), strict=True)
        if ask.user_id is not None and row < 0
    ]
    return requests, Unknown(tuple(strangers), unknown_played + unknown_excluded, unknown_picks)


def _texts(values: Sequence[str | None]) -> list[str]:
    """Return ids as texts, empty where there is none."""
    # No id is empty, so an empty text is an unknown row.
    return [value or "" for value in values]


def _of_moments(asks: Sequence[Ask], queries: Queries, dataset: Dataset) -> Queries:
    """Move each query to the moment that is asked for: what is later is gone."""
    moments = [ask.seconds for ask in asks]
    told = [moment for moment in moments if moment is not None]
    if not told:
        return queries
    pairs = zip(moments, queries.as_of.tolist(), strict=True)
    seconds = np.array([own if moment is None else moment for moment, own in pairs], np.int64)
    moved = replace(
        queries,
        as_of=seconds,
        followed=dataset.follows.followed(queries.user_rows, seconds),
        traits=dataset.profiles(queries.user_rows, seconds),
    )
    return moved.keep(queries.seconds < seconds[queries.owners])


def _situated(asks: Sequence[Ask], queries: Queries, dataset: Dataset) -> Queries:
    """Add the countries, devices, contexts and times that are asked for."""
    if any(ask.country is not None for ask in asks):
        queries = replace(queries, country_rows=_countries(asks, dataset, queries))
    if any(ask.device is not None or ask.shuffle is not None or ask.context is not None for ask in asks) or (
        dataset.split.has_time and any(ask.time is not None for ask in asks)
    ):
        queries = replace(queries, traits=_traits(asks, queries, dataset))
    return queries


def _countries(asks: Sequence[Ask], dataset: Dataset, queries: Queries) -> Rows:
    """Return the countries that are asked for, and else the listeners' own, [n]."""
    countries = dataset.users.countries.rows(_texts([ask.country for ask in asks]))
    asked = np.array([ask.country is not None for ask in asks])
    return np.where(asked, countries, queries.country_rows).astype(np.int32)


def _excluded(asks: Sequence[Ask], dataset: Dataset) -> tuple[Int64s, Rows, int]:
    """Return offsets [n + 1] and rows of the tracks that requests exclude, and how many more are unknown."""
    named = [track for ask in asks for track in ask.exclude]
    rows = dataset.catalogue.tracks.rows(named) if named else np.zeros(0, np.int32)
    return _known(_offsets([len(ask.exclude) for ask in asks]), rows)


def _known(offsets: Int64s, rows: Rows) -> tuple[Int64s, Rows, int]:
    """Leave rows [m] of -1 out: new offsets [n + 1], the others, and how many were left out."""
    is_known = rows >= 0
    num_unknown = len(rows) - int(np.count_nonzero(is_known))
    if not num_unknown:
        return offsets, rows, 0
    return np.concatenate([[0], np.cumsum(is_known)])[offsets], rows[is_known], num_unknown


def _offsets(counts: Sequence[int]) -> Int64s:
    return np.array(list(accumulate(counts, initial=0)), np.int64)


def _traits(asks: Sequence[Ask], queries: Queries, dataset: Dataset) -> Codes:
    """Return what is known of the listeners and of their moments, [n, 6]."""
    traits = unknown(len(asks)) if queries.traits is None else queries.traits.copy()
    for ask, codes in zip(asks, traits, strict=True):
        told = [(column, getattr(ask, column)) for column in c.SITUATION]
        if any(value is not None for _, value in told):
            names = ["" if value is None else trait(column, value) for column, value in told]
            codes[1 : 1 + len(c.SITUATION)] = dataset.traits.rows(names)
    if dataset.split.has_time and any(ask.time is not None for ask in asks):
        timed = np.array([ask.time is not None for ask in asks])
        traits[timed, 1 + len(c.SITUATION) :] = time_codes(queries.as_of[timed], dataset.traits)
    return traits


def _seeds(asks: Sequence[Ask], dataset: Dataset) -> Rows:
    """Return the tracks that requests start from, [n], -1 without.

    Raises:
        InputError: A seed track is unknown; names request and track.
    """
    if all(ask.seed_track is None for ask in asks):
        return np.full(len(asks), NO_ROW, np.int32)
    rows = dataset.catalogue.tracks.rows(_texts([ask.seed_track for ask in asks]))
    for ask, row in zip(asks, rows, strict=True):
        if ask.seed_track is not None and row < 0:
            raise InputError(
                f"Request {ask.request_id}: seed_track {ask.seed_track!r} is not in the bundle's catalogue; "
                "name a track that is, or leave it out."
            )
    return rows


def _strengths(
    tracks: Sequence[str | SessionTrack], rows: Rows, dataset: Dataset, lake: LakeSettings
) -> Floats:
    """Return the strengths [m] of session tracks, whose rows are -1 where they are unknown."""
    told = [None if isinstance(track, str) else track.played_share for track in tracks]
    if not any(share is not None for share in told):
        return np.ones(len(tracks), np.float32)  # without a share they count as played
    shares = np.array([np.nan if share is None else share for share in told], np.float64)
    return listen_strengths(shares, _durations_ms(rows, dataset), lake)


def _durations_ms(rows: Rows, dataset: Dataset) -> npt.NDArray[np.float64]:
    """Return the durations of tracks [m], NaN where the track (-1) or its duration is unknown."""
    if not len(dataset.catalogue):
        return np.full(len(rows), np.nan)
    durations = dataset.catalogue.durations_ms[rows]
    return np.where((rows >= 0) & (durations >= 0), durations, np.nan)


def _sessions(asks: Sequence[Ask], dataset: Dataset, seeds: Rows, lake: LakeSettings) -> tuple[Sessions, int]:
    """Return each request's session with its seed last, and how many of its tracks are unknown."""
    flat = [track for ask in asks for track in ask.session]
    all_rows = dataset.catalogue.tracks.rows([t if isinstance(t, str) else t.track_id for t in flat])
    strengths = _strengths(flat, all_rows, dataset, lake)
    offsets, rows, num_unknown = _known(_offsets([len(ask.session) for ask in asks]), all_rows)
    if num_unknown:
        strengths = strengths[all_rows >= 0]
    seeded = np.flatnonzero(seeds >= 0)
    if len(seeded):
        ends = offsets[seeded + 1]
        rows = np.insert(rows, ends, seeds[seeded])
        strengths = np.insert(strengths, ends, np.float32(lake.save_strength))
        offsets = offsets + np.concatenate([[0], np.cumsum(seeds >= 0)])
    return Sessions(offsets, rows, strengths), num_unknown
