"""The truth is what users came to like that they had not heard, known by construction."""

import numpy as np
import pytest

from crossfade.evaluation.truth import Truth
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.schema.errors import TrainingError
from tests.evaluation import worlds


def _relevant(truth: Truth) -> list[list[str | None]]:
    names = truth.catalogue.tracks.names(truth.track_rows)
    return [names[a:b] for a, b in zip(truth.offsets[:-1], truth.offsets[1:], strict=True)]


def test_only_new_positive_tracks_of_the_period_are_relevant() -> None:
    world = worlds.letters()
    truth = worlds.truth(world)
    # dan has no listen in the period; ann's repeat of a1 and bob's skip of c2 do not count.
    assert world.users.ids.names(truth.queries.user_rows) == ["ann", "bob", "cat"]
    assert _relevant(truth) == [["a2", "b2"], ["c1"], ["a1"]]


def test_histories_end_before_the_period_and_later_events_are_not_looked_at() -> None:
    world = worlds.letters()
    truth = Truth.of(world, worlds.START, 13 * SECONDS_PER_DAY, worlds.settings())
    assert _relevant(truth) == [["a2"]]
    assert truth.queries.seconds.max() < worlds.START
    assert truth.queries.as_of.tolist() == [worlds.START]


def test_a_track_skipped_before_is_heard_and_so_not_new() -> None:
    world = worlds.dataset(
        [("u", "a", 1.0, -1.0), ("u", "a", 12.0), ("u", "b", 12.0)], [{"track_id": "a"}, {"track_id": "b"}]
    )
    assert _relevant(worlds.truth(world)) == [["b"]]


def test_users_are_drawn_by_seed_and_their_number_is_kept() -> None:
    tracks: list[dict[str, object]] = [{"track_id": "t"}]
    world = worlds.dataset([(f"u{i:02}", "t", 12.0) for i in range(40)], tracks)
    first = worlds.truth(world, "evaluation.max_users=10")
    again = worlds.truth(world, "evaluation.max_users=10")
    other = worlds.truth(world, "evaluation.max_users=10", "seed=7")
    assert (len(first), first.num_eligible, len(first.track_rows)) == (10, 40, 10)
    assert np.array_equal(first.queries.user_rows, again.queries.user_rows)
    assert first.digest == again.digest
    assert first.digest != other.digest
    assert (np.diff(first.queries.user_rows) > 0).all()


def test_equal_users_and_tracks_have_one_digest_however_they_are_numbered() -> None:
    tracks: list[dict[str, object]] = [{"track_id": "m"}]
    world = worlds.dataset([("u", "m", 12.0)], tracks)
    wider = worlds.dataset([("a", "m", 1.0), ("u", "m", 12.0)], [{"track_id": "b"}, *tracks])
    assert worlds.truth(world).queries.user_rows.tolist() != worlds.truth(wider).queries.user_rows.tolist()
    assert worlds.truth(world).digest == worlds.truth(wider).digest


def test_a_period_without_anything_to_find_says_what_to_do() -> None:
    world = worlds.dataset([("u", "a", 1.0), ("u", "a", 12.0)], [{"track_id": "a"}])
    with pytest.raises(
        TrainingError, match=r"between seconds 864000 and 1728000.*none among 1 users; lengthen split.test"
    ):
        worlds.truth(world)


def test_user_cohorts_follow_the_number_of_listens_and_countries_by_size() -> None:
    tracks: list[dict[str, object]] = [{"track_id": f"t{i:03}"} for i in range(120)]
    counts = {"none": 0, "few": 9, "some": 10, "many": 99, "heavy": 100}
    plays = [(user, f"t{i:03}", i / 100) for user, count in counts.items() for i in range(count)]
    world = worlds.dataset([*plays, *((user, "t119", 12.0) for user in counts)], tracks)
    truth = worlds.truth(world)
    names = np.array(world.users.ids.names(truth.queries.user_rows))
    members = {name: set(names[flags]) for name, flags in truth.cohorts.items()}
    assert members["new"] == {"none", "few"}
    assert members["casual"] == {"some", "many"}
    assert members["heavy"] == {"heavy"}
    # t090..t099 have one or two listeners, so the two longest histories hold the least known tracks.
    assert members["niche"] == {"heavy"}
    assert not any(name.startswith("country_") for name in members)


def test_country_cohorts_are_the_largest_and_without_the_unknown() -> None:
    world = worlds.dataset([(f"u{i}", "t", 12.0) for i in range(9)], [{"track_id": "t"}])
    countries = ["SE", "SE", "SE", "DE", "DE", None, "FR", "NO", "BR"]
    table = world.users.table
    named = table.set_column(table.column_names.index("country"), "country", [countries])
    world = type(world)(world.catalogue, type(world.users)(named), world.interactions, world.split, {})
    cohorts = worlds.truth(world).cohorts
    found = {name: int(flags.sum()) for name, flags in cohorts.items() if name.startswith("country_")}
    assert found == {"country_SE": 3, "country_DE": 2, "country_BR": 1, "country_FR": 1, "country_NO": 1}


def test_users_of_equal_taste_have_no_niche() -> None:
    world = worlds.dataset(
        [("u", "a", 1.0), ("v", "a", 1.0), ("u", "b", 12.0), ("v", "b", 12.0)],
        [{"track_id": "a"}, {"track_id": "b"}],
    )
    assert not worlds.truth(world).cohorts["niche"].any()
