"""Tiny worlds whose truth is known by construction, shared by the tests of evaluation."""

from collections.abc import Mapping, Sequence

import numpy as np

from crossfade.evaluation.bootstrap import Interval
from crossfade.evaluation.evaluation import Evaluation, Resampling
from crossfade.evaluation.truth import Truth
from crossfade.features.dataset import Dataset, Split
from crossfade.features.interactions import SECONDS_PER_DAY, Queries
from crossfade.schema.settings import Settings, parse_settings
from tests import builders

START_DAY, END_DAY = 10, 20
START, END = START_DAY * SECONDS_PER_DAY, END_DAY * SECONDS_PER_DAY


def settings(*assignments: str) -> Settings:
    return parse_settings("", ["evaluation.k=3", "evaluation.bootstrap_samples=200", *assignments])


def dataset(
    plays: Sequence[builders.Play | builders.StrongPlay], tracks: Sequence[dict[str, object]]
) -> Dataset:
    split = Split(START - SECONDS_PER_DAY, START, END)
    return builders.dataset(plays, builders.catalogue(tracks), split=split)


def letters() -> Dataset:
    """Three users over tracks a1 a2 b1 b2 c1 c2 (artist and genre are the letter, c tracks have no genre).

    ann heard a1 twice and b1; likes a2 and b2 (new) and a1 again (a repeat). bob heard a1; likes c1 and
    skips c2. cat heard nothing; likes a1. dan has no test period.
    """
    tracks: list[dict[str, object]] = [
        {"track_id": name, "artist_ids": [name[0]], "genres": [] if name[0] == "c" else [name[0]]}
        for name in ("a1", "a2", "b1", "b2", "c1", "c2")
    ]
    plays: list[builders.Play | builders.StrongPlay] = [
        ("ann", "a1", 1.0),
        ("ann", "a1", 2.0),
        ("ann", "b1", 3.0),
        ("bob", "a1", 4.0),
        ("dan", "a1", 5.0),
        ("ann", "a1", 11.0),
        ("ann", "a2", 12.0),
        ("ann", "b2", 13.0),
        ("bob", "c1", 14.0),
        ("bob", "c2", 15.0, -1.0),
        ("cat", "a1", 16.0),
    ]
    return dataset(plays, tracks)


def truth(world: Dataset, *assignments: str) -> Truth:
    return Truth.of(world, START, END, settings(*assignments))


def slates(world: Dataset, *lists: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
    """Rows [n, k] of lists of track ids; `-` is an empty place."""
    return np.stack([world.catalogue.tracks.rows(list(names)) for names in lists])


def fixed(rows: np.ndarray[tuple[int, int], np.dtype[np.int32]], users: Sequence[int]):  # type: ignore[no-untyped-def]
    """Return a system that answers each user row with its own fixed list."""
    place = {user: position for position, user in enumerate(users)}

    def recommend(queries: Queries, k: int):  # type: ignore[no-untyped-def]
        chosen = rows[[place[user] for user in queries.user_rows.tolist()]][:, :k]
        return chosen, np.where(chosen >= 0, 1.0, -np.inf).astype(np.float32)

    return recommend


def evaluation(
    name: str,
    metrics: Mapping[str, Sequence[float]],
    *,
    bundle: str = "",
    cohorts: Mapping[str, Sequence[bool]] | None = None,
    truth: str = "same",
    rows: Sequence[int] | None = None,
) -> Evaluation:
    """Build an evaluation straight from its per-user columns."""
    columns = {metric: np.array(values, np.float64) for metric, values in metrics.items()}
    n = len(next(iter(columns.values())))
    return Evaluation(
        name,
        bundle,
        30,
        truth,
        np.array(range(n) if rows is None else rows, np.int32),
        columns,
        {group: np.array(flags, np.bool_) for group, flags in (cohorts or {}).items()},
        {"coverage": Interval(0.5, 0.4, 0.6)},
        [0.5, 0.5],
        Resampling(200, 0.95, 1),
    )
