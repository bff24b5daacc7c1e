"""The radio goes where the session goes: away from skips, towards what was played through, in flow, without repeats."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from crossfade.recommender.answers import answer
from crossfade.recommender.asking import Ask, SessionTrack
from crossfade.recommender.recommend import Recommender
from crossfade.schema.tables import Surface

ROCK, JAZZ = ("r01", "r12", "r23"), ("j02", "j13", "j24")


def radio(recommender: Recommender, *session: tuple[str, float | None], **also: object) -> list[str]:
    played = tuple(SessionTrack(track_id=track, played_share=share) for track, share in session)
    ask = Ask.model_validate({"surface": Surface.RADIO, "session": played, **also})
    (found,), _ = answer(recommender, [ask], 20, with_reasons=False)
    return [track.track_id for track in found.tracks]


def share_of_rock(tracks: list[str]) -> float:
    return sum(track.startswith("r") for track in tracks) / len(tracks)


@pytest.mark.parametrize("user", [None, "u40"])
def test_what_is_played_through_attracts_and_what_is_skipped_repels(
    recommender: Recommender, user: str | None
) -> None:
    def mix(rock: float, jazz: float) -> float:
        told = [
            (track, share)
            for pair in zip(ROCK, JAZZ, strict=True)
            for track, share in zip(pair, (rock, jazz), strict=True)
        ]
        return share_of_rock(radio(recommender, *told, user_id=user))

    # In this world nobody hears both, so the truth is the genre that was not skipped.
    assert mix(1.0, 0.01) > mix(1.0, 1.0) > mix(0.01, 1.0)
    assert mix(1.0, 0.01) > 0.8
    assert mix(0.01, 1.0) < 0.2


def test_one_more_skip_moves_further_away(recommender: Recommender) -> None:
    artists = recommender.catalogue.table.column("artist_id").to_pylist()
    by_track = dict(zip(recommender.catalogue.tracks.ids.to_pylist(), artists, strict=True))

    def of_first_artist(*shares: float) -> int:
        told = [("r02", 1.0), *zip(("r00", "r05", "r10"), shares, strict=True)]
        return sum(by_track[track] == "ra" for track in radio(recommender, *told))

    assert of_first_artist(1, 1, 1) > of_first_artist(0.01, 0.01, 0.01)


def test_neither_the_seed_nor_what_was_just_played_comes_again_and_nothing_twice(
    recommender: Recommender,
) -> None:
    seeded = radio(recommender, ("r01", 1.0), ("r02", 1.0), seed_track="r03")
    assert "r03" not in seeded
    assert "r02" not in radio(recommender, ("r01", 1.0), ("r02", 1.0))
    assert len(set(seeded)) == len(seeded)


def test_where_the_policy_says_so_no_artist_plays_twice_in_a_row(recommender: Recommender) -> None:
    policy = recommender.policies[Surface.RADIO].model_copy(update={"artist_distance": 1})
    apart = replace(recommender, policies={**recommender.policies, Surface.RADIO: policy})
    found = recommender.catalogue.tracks.rows(radio(apart, ("r00", 1.0)))
    artists = recommender.catalogue.artist_rows[found]
    last = recommender.catalogue.artist_rows[recommender.catalogue.tracks.rows(["r00"])[0]]
    assert all(one != other for one, other in pairwise([last, *artists[:10]]))
    assert np.bincount(artists).max() > 1
    assert sorted(found) == sorted(recommender.catalogue.tracks.rows(radio(recommender, ("r00", 1.0))))


def test_a_radio_in_blocks_repeats_nothing_of_the_blocks_before(recommender: Recommender) -> None:
    heard: list[str] = ["r00"]
    for _ in range(3):
        block = radio(recommender, *((track, 1.0) for track in heard[-5:]), exclude=heard)[:5]
        assert not set(block) & set(heard)
        heard += block
    assert share_of_rock(heard) > 0.9
