import numpy as np

from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.retrieval.histories import REACH, Histories, last_distinct
from tests.builders import dataset


def test_tracks_come_once_most_recent_first_with_their_plays() -> None:
    entries = np.array([7, 8, 7, 9, 7, 8], np.int32)
    places, plays = last_distinct(entries, np.array([0, 0, 4]), np.array([6, 4, 4]), 4)
    # Back from the end: 8 7 9 (7) (8) (7); before place 4: 9 7 8 (7); an empty stretch.
    assert places.tolist() == [[5, 4, 3, -1], [3, 2, 1, -1], [-1] * 4]
    assert plays.tolist() == [[2, 3, 1, 0], [1, 2, 1, 0], [0] * 4]


def test_the_walk_stops_at_one_track_too_many() -> None:
    entries = np.array([1, 2, 3, 2, 1], np.int32)
    places, plays = last_distinct(entries, np.array([0]), np.array([5]), 2)
    assert places.tolist() == [[4, 3]]
    assert plays.tolist() == [[1, 1]]  # 3 would be a third track: nothing before it is looked at


def test_the_walk_is_bounded_and_counts_saturate() -> None:
    entries = np.concatenate([[5], np.full(REACH * 50, 6)]).astype(np.int32)
    places, plays = last_distinct(entries, np.array([0]), np.array([len(entries)]), 50)
    assert places[0, :2].tolist() == [len(entries) - 1, -1]  # the play of 5 is out of reach
    assert plays[0, 0] == 255


def test_histories_of_queries_hold_positive_tracks_and_days() -> None:
    data = dataset(
        [("u", "a", 1.0), ("u", "b", 2.0), ("u", "c", 3.0, -1.0), ("u", "a", 4.0), ("v", "b", 9.0)]
    )
    queries = data.queries(np.array([0, -1, 1], np.int32), 6 * SECONDS_PER_DAY)
    histories = Histories.of(queries, 3, has_time=True)
    assert histories.rows.tolist() == [[0, 1, -1], [-1, -1, -1], [-1, -1, -1]]
    assert histories.ages.tolist() == [[2, 4, 0], [0, 0, 0], [0, 0, 0]]
    assert histories.plays.tolist() == [[2, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert not Histories.of(queries, 3, has_time=False).ages.any()
