"""Lists of tracks that stand together, on a dataset small enough to read them off."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from crossfade.features.dataset import Dataset
from crossfade.features.playlists import Playlists
from crossfade.retrieval.sentences import Sentences, grouped, sentences_of
from tests import builders


def lists(sentences: Sentences) -> list[list[int]]:
    return [part.tolist() for part in np.split(sentences.rows, sentences.offsets[1:-1])]


def three_lists() -> Sentences:
    rows = np.array([5, 6, 7, 8, 9, 1], np.int32)
    return Sentences(rows, np.array([0, 3, 5, 6]), np.array([True, False, True]))


def small() -> Dataset:
    """One listener: b, a, skipped c in one session, d in another; and a playlist of d and c."""
    plays = [("ann", "b", 1.0), ("ann", "a", 1.001), ("ann", "c", 1.002, -1.0), ("ann", "d", 2.0)]
    playlists = Playlists(
        np.array([0, 2]), np.array([3, 2], np.int32), np.array([0]), pa.array([None], pa.string())
    )
    return replace(builders.dataset(plays), playlists=playlists)


def test_sessions_playlists_and_histories_are_sentences() -> None:
    sentences = sentences_of(small())
    assert lists(sentences) == [[1, 0], [3], [3, 2], [1, 0, 3]]
    assert sentences.is_ordered.tolist() == [True, True, False, False]


def test_without_timestamps_nothing_has_an_order() -> None:
    dataset = small()
    timeless = replace(dataset, split=replace(dataset.split, has_time=False))
    assert not sentences_of(timeless).is_ordered.any()


@pytest.mark.parametrize("plays", [[], [("ann", "a", 1.0, -1.0)]])
def test_nothing_liked_gives_no_sentences(plays: list[builders.StrongPlay]) -> None:
    assert len(sentences_of(builders.dataset(plays))) == 0


def test_grouped_keeps_the_order_within_owners() -> None:
    rows, owners = np.array([4, 3, 2, 1], np.int32), np.array([9, 2, 9, 2], np.int32)
    assert lists(grouped(rows, owners, is_ordered=True)) == [[3, 1], [4, 2]]


def test_where_keeps_emptied_lists() -> None:
    kept = three_lists().where(np.array([True, False, True, False, False, True]))
    assert lists(kept) == [[5, 7], [], [1]]


def test_a_list_counts_once_for_each_row_that_it_holds() -> None:
    rows = np.array([2, 2, 0, 2], np.int32)
    sentences = Sentences(rows, np.array([0, 3, 4]), np.array([True, True]))
    assert sentences.counts(4).tolist() == [1, 0, 2, 0]


def test_of_several_drops_lists_of_one() -> None:
    several = three_lists().of_several()
    assert lists(several) == [[5, 6, 7], [8, 9]]
    assert several.is_ordered.tolist() == [True, False]


def test_shuffling_moves_rows_of_unordered_lists_only() -> None:
    long = Sentences(np.arange(40, dtype=np.int32), np.array([0, 20, 40]), np.array([True, False]))
    ordered, shuffled = lists(long.shuffled(np.random.default_rng(0)))
    assert ordered == list(range(20))
    assert shuffled != list(range(20, 40))
    assert sorted(shuffled) == list(range(20, 40))


@pytest.mark.parametrize("num_rows", [1, 2, 4, 100])
def test_blocks_cut_between_lists(num_rows: int) -> None:
    blocks = list(three_lists().blocks(num_rows))
    assert [rows for block in blocks for rows in lists(block)] == lists(three_lists())
    assert np.concatenate([block.is_ordered for block in blocks]).tolist() == [True, False, True]


def test_no_lists_give_no_blocks() -> None:
    nothing = grouped(np.zeros(0, np.int32), np.zeros(0, np.int32), is_ordered=True)
    assert list(nothing.blocks(10)) == []
