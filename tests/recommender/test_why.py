"""The account of one track: where it stands, what the sources say, why not."""

import json

import pytest

from crossfade.recommender.answers import answer
from crossfade.recommender.asking import asks_of_users
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.why import why
from crossfade.schema.columns import RETRIEVAL_SOURCES
from crossfade.schema.errors import NotFoundError
from crossfade.schema.tables import Surface

WEEKLY = Surface.DISCOVER_WEEKLY


def test_the_account_agrees_with_the_slate(recommender: Recommender) -> None:
    slate = answer(recommender, asks_of_users(["u00"], WEEKLY), None)[0][0]
    for place, track in enumerate(slate.tracks[:6], start=1):
        account = why(recommender, "u00", track.track_id, WEEKLY)
        assert account.slate_place == place
        assert account.score == pytest.approx(track.score)
        assert account.reason == track.reason
        assert account.excluded == ()
        assert account.ranked_place is not None
        assert account.ranked_place <= account.num_candidates
        best = min((say for say in account.sources if say.place), key=lambda say: say.place or 0)
        assert best.source == track.source
        assert account.track == f"Song {track.track_id} by Band {account.track[-2:]}"


def test_contributions_are_the_largest_and_the_account_is_json(recommender: Recommender) -> None:
    track = answer(recommender, asks_of_users(["u00"], WEEKLY), None)[0][0].tracks[0].track_id
    account = why(recommender, "u00", track, WEEKLY)
    sizes = [abs(part.contribution) for part in account.contributions]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) == 10
    assert json.loads(json.dumps(account.as_json()))["sources"][0]["source"] == RETRIEVAL_SOURCES[0]


def test_what_was_heard_says_so(recommender: Recommender) -> None:
    heard = recommender.dataset.queries(recommender.dataset.users.ids.rows(["u00"]), recommender.as_of)
    track = recommender.catalogue.tracks.names(heard.track_rows[:1])[0]
    account = why(recommender, "u00", str(track), WEEKLY)
    assert "heard" in account.excluded
    assert account.slate_place is account.ranked_place is account.score is None
    assert account.contributions == ()
    assert [say.place for say in account.sources] == [None] * len(RETRIEVAL_SOURCES)


def test_what_is_outside_the_release_window_says_so(recommender: Recommender) -> None:
    assert (
        "not released in the last 14 days" in why(recommender, "u01", "r00", Surface.RELEASE_RADAR).excluded
    )


def test_unknown_users_and_tracks_are_not_found(recommender: Recommender) -> None:
    with pytest.raises(NotFoundError, match=f"User 'nobody' is not in bundle {recommender.digest}"):
        why(recommender, "nobody", "r00", WEEKLY)
    with pytest.raises(NotFoundError, match="Track 'zz' is not in bundle"):
        why(recommender, "u00", "zz", WEEKLY)
