"""Listeners of like taste stand beside each other, whatever order the users table has."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.store import shards
from crossfade.store.listeners import by_taste, listeners
from tests.builders import catalogue, dataset
from tests.store.weeks import NUM_TRACKS, SETTINGS, Planted, generate, known_tracks, track, week

TRACKS = [
    {"track_id": f"{artist}{number}", "artist_ids": [artist], "genres": [genre, "more"]}
    for artist, genre in (("a", "rock"), ("b", "folk"), ("c", "rock"))
    for number in range(3)
] + [{"track_id": "x0"}]


def heard(histories: dict[str, str]) -> tuple[Dataset, Queries]:
    plays = [
        (user, track, float(day))
        for user, tracks in histories.items()
        for day, track in enumerate(tracks.split())
    ]
    known = dataset(plays, catalogue(TRACKS))
    return known, listeners(known, known, 0, len(known.users))[1]


def ordered(histories: dict[str, str]) -> list[str]:
    known, queries = heard(histories)
    names = known.users.ids.ids.to_pylist()
    return [names[place] for place in by_taste(queries, known.catalogue)]


def test_listeners_stand_by_genre_and_in_it_by_artist() -> None:
    histories = {"1": "c0 c1 b0", "2": "b0 b1 a0", "3": "a0 b0 a1", "4": "b2 b2 c0", "5": "c0 c2 a0"}
    assert ordered(histories) == ["2", "4", "3", "1", "5"]


def test_who_reached_the_most_first_decides_between_equals() -> None:
    assert ordered({"1": "a0 c0 c1 a1", "2": "c0 a0 a1 c1"}) == ["2", "1"]


def test_tracks_without_genre_or_artist_say_nothing() -> None:
    assert ordered({"1": "b0", "2": "x0 x0", "3": "x0 x0 a0"}) == ["2", "1", "3"]


def test_every_listener_has_one_place_by_what_counting_finds() -> None:
    random = np.random.default_rng(3)
    names = [str(track["track_id"]) for track in TRACKS]
    known, queries = heard({f"u{user:02d}": " ".join(random.choice(names, 15)) for user in range(40)})
    order = by_taste(queries, known.catalogue)
    assert sorted(order) == list(range(40))
    tastes = [
        tuple(
            counted(queries, place, of)
            for of in (known.catalogue.genre_rows[:, 0], known.catalogue.artist_rows)
        )
        for place in order
    ]
    assert tastes == sorted(tastes)
    assert len(set(tastes)) > 2


def counted(queries: Queries, place: int, values: np.ndarray) -> int:
    """Return the value that is the first to reach the highest count, by a loop."""
    counts: Counter[int] = Counter()
    found, most = -1, 0
    for row in queries.slice(place, place + 1).track_rows:
        value = int(values[row])
        counts[value] += value >= 0
        if counts[value] > most:
            found, most = value, counts[value]
    return found


def test_a_shard_stands_in_the_order_of_its_users(tmp_path: Path) -> None:
    """Whoever is recommended to beside whom: each gets the tracks that he has not heard, and stands where he stood."""
    first_heard = [7, 1, 4, 9, 2, 2, 8]
    tracks, names = known_tracks(), [f"u{user:02d}" for user in range(len(first_heard))]
    plays = [(name, track(heard), 1.0) for name, heard in zip(names, first_heard, strict=True)]
    known = replace(dataset(plays, tracks), lake_versions={"gold/interactions": 7})
    order = by_taste(listeners(known, known, 0, len(names))[1], tracks).tolist()
    assert order == [1, 4, 5, 2, 0, 6, 3]
    assert [order[place] for place in order] != list(range(len(names)))  # nor is it its own inverse
    batch = week(tmp_path, known)
    settings = SETTINGS.model_copy(update={"users_per_shard": len(names), "batch_users": 2})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "_recommender", Planted.load)
        (receipt,) = generate(batch, settings)
    (shard,) = batch.workspace.weekly.rglob("*.parquet")
    slates = pq.read_table(shard).to_pylist()
    assert [slate["user_id"] for slate in slates] == names
    for user, (slate, heard) in enumerate(zip(slates, first_heard, strict=True)):
        new = [track(number) for number in range(NUM_TRACKS) if number != heard]
        assert slate["track_ids"] == (new[:5] if user == 3 else new[:30])
    assert (receipt.num_full, receipt.short) == (6, {"few new tracks": 0, "few candidates": 1})
