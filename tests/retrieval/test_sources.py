"""Merging what several sources return; the oracle is plain Python."""

from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset, Split
from crossfade.features.interactions import Queries
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.merging import beside, merged
from crossfade.retrieval.sources import Sources, asks_pair_sources, best_allowed, unfitted
from crossfade.schema import columns as c
from crossfade.schema.errors import IntegrityError
from crossfade.schema.ids import Rows
from tests import builders
from tests.retrieval import worlds

WORLD = worlds.planted()
SETTINGS = worlds.tiny_settings()


@dataclass
class Fixed:
    """Answers every query with the same tracks; remembers by how many and how deep it was asked."""

    rows: list[int]
    name: str = "fixed"

    def __post_init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def fit(self, dataset: Dataset) -> Self:
        return self

    def recommend(self, queries: Queries, k: int) -> Ranking:
        self.asked.append((len(queries), k))
        rows = np.full((len(queries), k), -1, np.int32)
        rows[:, : len(self.rows)] = self.rows[:k]
        scores = np.where(rows >= 0, -np.arange(k, dtype=np.float32), -np.inf).astype(np.float32)
        return rows, scores

    def save(self, directory: Path) -> None:
        (directory / "rows").write_text(str(self.rows), "utf-8")

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> Self:
        raise NotImplementedError


def nothing_excluded(rows: Rows) -> Any:
    return np.zeros(rows.shape, np.bool_)


def four(*rows: list[int]) -> Sources:
    """Return sources without those of pairs; `rows` are what the others of the discovery return."""
    named = (name for name in c.RETRIEVAL_SOURCES if name not in c.PAIR_SOURCES)
    retrievers = {name: Fixed([]) for name in c.RADIO_SOURCES if name not in c.PAIR_SOURCES}
    return Sources(retrievers | dict(zip(named, map(Fixed, rows), strict=True)), WORLD.catalogue)


def ranking(*rows: list[int]) -> Ranking:
    padded = np.array(rows, np.int32)
    return padded, np.where(padded >= 0, 10.0 - np.arange(padded.shape[1]), -np.inf).astype(np.float32)


def test_sources_take_turns_by_rank_and_each_track_comes_once() -> None:
    candidates = merged(beside([ranking([1, 2, 3]), ranking([4, 1, -1]), ranking([5, 2, 6])]), 8)
    assert candidates.rows.tolist() == [[1, 4, 5, 2, 3, 6, -1, -1]]


def test_a_candidate_keeps_every_sources_score_and_rank() -> None:
    candidates = merged(beside([ranking([1, 2]), ranking([4, 1])]), 3)
    nan = np.nan
    np.testing.assert_array_equal(candidates.ranks, [[[0, 1], [nan, 0], [1, nan]]])
    np.testing.assert_array_equal(candidates.scores, [[[10, 9], [nan, 10], [9, nan]]])


def test_merging_equals_plain_python() -> None:
    random = np.random.default_rng(0)
    rankings = []
    for _ in range(4):
        rows = np.stack([random.permutation(60)[:30] for _ in range(9)]).astype(np.int32)
        rows[np.arange(30)[None, :] >= random.integers(0, 31, 9)[:, None]] = -1
        rankings.append((rows, random.random(rows.shape, np.float32)))
    candidates = merged(beside(rankings), 40)
    for query in range(9):
        lists = [[row for row in rows[query].tolist() if row >= 0] for rows, _ in rankings]
        turns = [row for turn in zip_longest(*lists) for row in turn if row is not None]
        expected = list(dict.fromkeys(turns))[:40]
        assert candidates.rows[query].tolist() == expected + [-1] * (40 - len(expected))
        for place, row in enumerate(expected):
            for source, (_, scores) in enumerate(rankings):
                rank, score = candidates.ranks[query, place, source], candidates.scores[query, place, source]
                if row not in lists[source]:
                    assert np.isnan([rank, score]).all()
                else:
                    assert rank == lists[source].index(row)
                    assert score == scores[query, int(rank)]


def test_excluded_tracks_take_nobodys_place() -> None:
    queries = WORLD.queries(np.array([0, -1], np.int32), worlds.NOW)
    sources = four([0, 1, 2, 3], [3, 2, 1, 0], [4, 0, 5], [0])

    def excluded(rows: Rows) -> Any:  # tracks 0 and 4 for the first query, none for the second
        return np.isin(rows, [0, 4]) & np.array([[True], [False]])

    candidates = sources.retrieve(queries, SETTINGS.sources, excluded)
    assert candidates.rows[:, :6].tolist() == [[1, 3, 5, 2, -1, -1], [0, 3, 4, 1, 2, 5]]
    assert candidates.rows.shape == (2, SETTINGS.sources.candidates)


def test_a_source_is_asked_deeper_until_enough_is_allowed() -> None:
    source = Fixed(list(range(16)))
    queries = WORLD.queries(np.array([0, 1], np.int32), worlds.NOW)

    def excluded(rows: Rows) -> Any:  # the first query has heard all but the last three
        return (rows < 13) & np.array([[True], [False]])

    rows, scores = best_allowed(source, queries, excluded, 2, WORLD.catalogue)
    assert rows.tolist() == [[13, 14], [0, 1]]
    assert scores.tolist() == [[-13, -14], [0, -1]]
    assert source.asked == [(2, 3), (1, 6), (1, 12), (1, 16)]


def test_sources_are_asked_deeper_one_by_one() -> None:
    queries = WORLD.queries(np.array([0, 1], np.int32), worlds.NOW)
    sources = four(list(range(16)), [15, 14, 13], list(range(15, -1, -1)), [0, 13])

    def excluded(rows: Rows) -> Any:  # the first query has heard all but the last three
        return (rows < 13) & np.array([[True], [False]])

    settings = SETTINGS.sources.model_copy(update={"per_source": 2, "candidates": 6})
    candidates = sources.retrieve(queries, settings, excluded)
    rankings = [
        best_allowed(sources.retrievers[name], queries, excluded, 2, WORLD.catalogue)
        for name in c.RETRIEVAL_SOURCES
        if name in sources.retrievers
    ]
    expected = merged(beside(rankings), 6)
    assert (
        candidates.rows.tolist()
        == expected.rows.tolist()
        == [[13, 15, 14, -1, -1, -1], [0, 15, 1, 14, 13, -1]]
    )
    told = [name in sources.retrievers for name in c.RETRIEVAL_SOURCES]
    np.testing.assert_array_equal(candidates.ranks[..., told], expected.ranks)


def test_an_exhausted_source_is_asked_no_deeper() -> None:
    source = Fixed([0, 1, 2])
    queries = WORLD.queries(np.array([0], np.int32), worlds.NOW)
    rows, scores = best_allowed(source, queries, lambda rows: rows < 2, 2, WORLD.catalogue)
    assert (rows.tolist(), scores.tolist()) == ([[2, -1]], [[-2, -np.inf]])
    assert source.asked == [(1, 3), (1, 6)]


def test_when_all_is_excluded_nothing_is_left() -> None:
    queries = WORLD.queries(np.array([0], np.int32), worlds.NOW)
    candidates = four(*[list(range(16))] * 4).retrieve(queries, SETTINGS.sources, lambda rows: rows >= -1)
    assert (candidates.rows == -1).all()
    assert np.isnan(candidates.scores).all()


def test_an_empty_catalogue_has_no_candidates() -> None:
    bare = Sources(dict.fromkeys(c.RADIO_SOURCES, Fixed([])), builders.catalogue([]))
    queries = builders.dataset([], builders.catalogue([])).queries(np.array([-1], np.int32), 0)
    assert (bare.retrieve(queries, SETTINGS.sources, nothing_excluded).rows == -1).all()


def test_all_sources_are_needed() -> None:
    with pytest.raises(KeyError, match=c.TWO_TOWER):
        Sources({}, WORLD.catalogue)


@pytest.fixture(scope="module")
def fitted() -> Sources:
    return Sources.fit(WORLD, SETTINGS)


def test_fitted_sources_stand_in_order_and_each_gives_its_best(fitted: Sources) -> None:
    assert tuple(fitted.retrievers) == c.RADIO_SOURCES
    queries = WORLD.queries(np.array([0, 16], np.int32), worlds.NOW)
    candidates = fitted.retrieve(queries, SETTINGS.sources, nothing_excluded, c.RADIO_SOURCES)
    for place, retriever in enumerate(fitted.retrievers.values()):
        best, _ = retriever.recommend(queries, 1)
        assert (candidates.ranks[(candidates.rows == best) & (best >= 0)][:, place] == 0).all()
    assert fitted.track_vectors.shape == (len(WORLD.catalogue), SETTINGS.two_tower.dim)


def test_save_and_load_keep_the_candidates(fitted: Sources, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(c.RADIO_SOURCES)
    loaded = Sources.load(tmp_path, WORLD.catalogue)
    queries = WORLD.queries(np.arange(17, dtype=np.int32), worlds.NOW)
    first, second = (
        sources.retrieve(queries, SETTINGS.sources, nothing_excluded) for sources in (fitted, loaded)
    )
    np.testing.assert_array_equal(first.rows, second.rows)
    np.testing.assert_allclose(first.scores, second.scores, rtol=1e-5)


def test_sources_of_pairs_can_be_left_out(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(
        update={"sources": SETTINGS.sources.model_copy(update={"from_pairs": "never"})}
    )
    without = Sources.fit(WORLD, settings)
    sure = [name for name in c.RADIO_SOURCES if name not in c.PAIR_SOURCES]
    assert list(without.retrievers) == sure
    queries = WORLD.queries(np.array([0], np.int32), worlds.NOW)
    candidates = without.retrieve(queries, settings.sources, nothing_excluded)
    of_pairs = np.isin(c.RETRIEVAL_SOURCES, c.PAIR_SOURCES)
    assert np.isnan(candidates.ranks[:, :, of_pairs]).all()
    assert (candidates.ranks[:, :, ~of_pairs] == 0).any(axis=(0, 1)).all()
    without.save(tmp_path)
    assert list(Sources.load(tmp_path, WORLD.catalogue).retrievers) == sure


@pytest.mark.parametrize(
    ("has_time", "artists", "setting", "expected"),
    [
        (True, ["x"], "auto", False),
        (False, ["x"], "auto", True),
        (True, None, "auto", True),
        (True, ["x"], "always", True),
        (False, None, "never", False),
    ],
)
def test_sources_of_pairs_are_asked_where_data_tells_little_more(
    has_time: bool, artists: list[str] | None, setting: str, expected: bool
) -> None:
    tracks = builders.catalogue([{c.TRACK_ID: "t", c.ARTIST_IDS: artists}])
    dataset = builders.dataset([("u", "t", 1.0)], tracks, split=Split(2, 3, 4, has_time=has_time))
    settings = SETTINGS.sources.model_copy(update={"from_pairs": setting})
    assert asks_pair_sources(dataset, settings) is expected


def test_a_warm_start_reaches_the_two_tower(fitted: Sources) -> None:
    warm = Sources.fit(WORLD, SETTINGS, warm_start=fitted)
    assert len(warm.two_tower.history_) <= len(fitted.two_tower.history_)
    assert not np.array_equal(warm.track_vectors, fitted.track_vectors)


@pytest.mark.parametrize("name", [c.ITEM_KNN, c.ARTIST_TRACKS, c.ALS, c.POPULAR])
def test_a_source_of_another_catalogue_is_refused(name: str, tmp_path: Path) -> None:
    unfitted(name, SETTINGS).fit(WORLD).save(tmp_path)
    with pytest.raises(IntegrityError, match=r"fitted on 16 tracks or artists, but the catalogue .* has 1;"):
        type(unfitted(name, SETTINGS)).load(tmp_path, builders.catalogue([{"track_id": "only"}]))


@pytest.mark.parametrize("name", [c.ITEM_KNN, c.ARTIST_TRACKS, c.ALS, c.POPULAR])
def test_a_source_without_its_json_is_refused(name: str, tmp_path: Path) -> None:
    unfitted(name, SETTINGS).fit(WORLD).save(tmp_path)
    (tmp_path / "about.json").write_text("{", "utf-8")
    with pytest.raises(IntegrityError, match=r"about\.json is not what a saved source holds"):
        type(unfitted(name, SETTINGS)).load(tmp_path, WORLD.catalogue)
