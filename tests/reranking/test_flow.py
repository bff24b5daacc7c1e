"""A slate in flow: small steps of sound, artists apart, nothing lost; and order by relevance where nothing asks otherwise."""

from itertools import pairwise

import numpy as np
import pytest

from crossfade.features.interactions import Queries
from crossfade.reranking.flow import FlowColumns, FlowRules, in_flow
from tests import builders

NAN = float("nan")


def queries(*histories: list[tuple[int, float]]) -> Queries:
    """Histories of (track, strength), oldest first, all of one session."""
    entries = [entry for history in histories for entry in history]
    n, m = len(histories), len(entries)
    return Queries(
        np.arange(n, dtype=np.int32),
        np.full(n, 1000, np.int64),
        np.full(n, -1, np.int32),
        np.ones(n, np.bool_),
        np.cumsum([0, *map(len, histories)]),
        np.array([track for track, _ in entries], np.int32),
        np.arange(m, dtype=np.int64),
        np.array([strength for _, strength in entries], np.float32),
        np.zeros(m, np.int32),
    )


def columns(artists: list[int], energies: list[float] | None = None) -> FlowColumns:
    """Tracks of these artists whose energy alone may be known."""
    sound = np.full((len(artists), 3), NAN, np.float32)
    sound[:, 1] = NAN if energies is None else energies
    return FlowColumns(np.array(artists, np.int32), sound)


def ordered(
    tracks: FlowColumns, rules: FlowRules, history: list[tuple[int, float]] | None = None
) -> list[int]:
    """The order of all tracks, given best first."""
    rows = np.arange(len(tracks.artist_rows), dtype=np.int32)[None]
    return in_flow(rows, rows.copy(), queries(history or []), tracks, rules)[0].tolist()


def test_a_track_is_passed_over_where_the_step_to_a_later_one_is_smaller_by_enough() -> None:
    # Energies in thirds of the mean step: from 0 the step to track 1 is 2/3 larger than to track 2.
    tracks = columns([-1] * 3, [0.0, 2.0, 0.0])
    assert ordered(tracks, FlowRules(flow=1.0)) == [0, 1, 2]  # 2/3 against 1 place
    assert ordered(tracks, FlowRules(flow=2.0)) == [0, 2, 1]  # 4/3 against 1 place
    assert ordered(tracks, FlowRules()) == [0, 1, 2]


def test_the_first_step_is_from_the_last_track_that_was_wanted() -> None:
    tracks = columns([-1] * 4, [3.0, 0.0, 3.0, 0.0])
    rows, chosen = np.array([[0, 1]], np.int32), np.array([[0, 1]], np.int32)
    rules = FlowRules(flow=2.0)
    for history, first in (([(3, 1.0)], 1), ([(2, 1.0)], 0), ([(3, 1.0), (2, -1.0)], 1), ([], 0)):
        assert in_flow(rows, chosen, queries(history), tracks, rules)[0, 0] == first


def test_steps_get_smaller_and_nothing_is_lost() -> None:
    random = np.random.default_rng(0)
    n, k, num_tracks = 20, 30, 200
    sound = random.normal(size=(num_tracks, 3)).astype(np.float32)
    tracks = FlowColumns(np.full(num_tracks, -1, np.int32), sound)
    rows = np.stack([random.permutation(num_tracks)[:60] for _ in range(n)]).astype(np.int32)
    chosen = np.stack([random.permutation(60)[:k] for _ in range(n)]).astype(np.int32)
    asked = queries(*[[] for _ in range(n)])
    means = []
    for flow in (0.0, 4.0, 20.0):
        found = in_flow(rows, chosen, asked, tracks, FlowRules(flow))
        assert (np.sort(found, axis=1) == np.sort(chosen, axis=1)).all()
        shown = sound[np.take_along_axis(rows, found, axis=1)]
        means.append(np.abs(np.diff(shown, axis=1)).mean())
    assert means[0] > 1.1 * means[1] > 1.2 * means[2]


def test_what_is_unknown_neither_attracts_nor_repels() -> None:
    assert ordered(columns([-1] * 4), FlowRules(flow=5.0)) == [0, 1, 2, 3]
    # A known step of 0 beats an unknown one by less than one place, of a third of 1.128 standard deviations.
    assert ordered(columns([-1] * 3, [0.0, NAN, 0.0]), FlowRules(flow=2.0)) == [0, 1, 2]
    assert ordered(columns([-1] * 3, [0.0, NAN, 0.0]), FlowRules(flow=3.0)) == [0, 2, 1]


def test_tracks_of_an_artist_keep_their_distance() -> None:
    assert ordered(columns([5, 5, 6, 7]), FlowRules(artist_distance=1)) == [0, 2, 1, 3]
    assert ordered(columns([5, 5, 6, 7, 8]), FlowRules(artist_distance=2)) == [0, 2, 3, 1, 4]
    assert ordered(columns([-1, -1, -1]), FlowRules(artist_distance=2)) == [0, 1, 2]


def test_an_artist_of_many_tracks_comes_early_enough_to_keep_the_distance() -> None:
    # Best first would leave both tracks of artist 9 to the end, side by side.
    found = ordered(columns([1, 2, 3, 9, 9, 9]), FlowRules(artist_distance=1))
    artists = [[1, 2, 3, 9, 9, 9][track] for track in found]
    assert all(one != other for one, other in pairwise(artists))


@pytest.mark.parametrize("seed", range(5))
def test_the_distance_holds_wherever_it_can(seed: int) -> None:
    random = np.random.default_rng(seed)
    # At most 6 of 24 tracks by one artist: a distance of 3 can be kept.
    artists = random.permutation(np.repeat(np.arange(4), 6)).tolist()
    found = [artists[track] for track in ordered(columns(artists), FlowRules(artist_distance=2))]
    assert all(artist not in found[max(i - 2, 0) : i] for i, artist in enumerate(found))


def test_where_it_cannot_hold_the_slate_is_whole_all_the_same() -> None:
    assert sorted(ordered(columns([1, 1, 1, 2]), FlowRules(artist_distance=3))) == [0, 1, 2, 3]


def test_the_last_artists_of_the_session_keep_their_distance_skipped_or_not() -> None:
    tracks = columns([1, 2, 3, 1])
    rows = np.array([[0, 1, 2]], np.int32)
    for strength in (1.0, -1.0):
        found = in_flow(rows, rows.copy(), queries([(3, strength)]), tracks, FlowRules(artist_distance=2))
        assert found[0].tolist() == [1, 2, 0]


def test_a_batch_equals_its_singles_and_short_slates_stay_short() -> None:
    tracks = columns([1, 1, 2, 3], [0.0, 3.0, 0.0, 3.0])
    rows = np.array([[0, 1, 2, 3], [3, 2, 1, -1]], np.int32)
    chosen = np.array([[0, 1, 2, 3], [1, 0, -1, -1]], np.int32)
    rules = FlowRules(1.0, 1)
    histories = [[(3, 1.0)], [(0, 1.0)]]
    both = in_flow(rows, chosen, queries(*histories), tracks, rules)
    for i, history in enumerate(histories):
        alone = in_flow(rows[i : i + 1], chosen[i : i + 1], queries(history), tracks, rules)
        assert alone[0].tolist() == both[i].tolist()
    assert both[1, 2:].tolist() == [-1, -1]


def test_sound_is_measured_in_standard_deviations() -> None:
    tracks = builders.catalogue(
        [
            {"track_id": "a", "artist_ids": ["x"], "tempo_bpm": 60.0, "energy": 0.2},
            {"track_id": "b", "artist_ids": ["x"], "tempo_bpm": 120.0, "energy": 0.4},
            {"track_id": "c", "artist_ids": ["x"], "tempo_bpm": 0.0},
        ]
    )
    sound = FlowColumns.of(tracks).sound
    # Half an octave either side of the mean is one deviation; loudness is unknown of all.
    assert sound[1, 0] - sound[0, 0] == pytest.approx(2)
    assert sound[1, 1] - sound[0, 1] == pytest.approx(2)
    assert np.isnan(sound[2]).all()
    assert np.isnan(sound[:, 2]).all()
