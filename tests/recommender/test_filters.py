"""What a policy excludes is masked, and nothing else."""

from datetime import date

import numpy as np
import pytest

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.recommender.filters import Exclusions
from crossfade.recommender.policy import Policy
from crossfade.recommender.requests import Requests
from crossfade.recommender.surfaces import default_policies
from crossfade.schema import columns as c
from crossfade.schema.tables import Surface
from tests.builders import catalogue, dataset

OPEN = default_policies()[Surface.DISCOVER_WEEKLY].model_copy(
    update={"exclude_heard": "none", "exclude_disliked": False}
)
TRACKS = ["a", "b", "c", "d", "e"]


def tracks(**columns: dict[str, object]) -> Catalogue:
    return catalogue(
        [{c.TRACK_ID: name, **{key: values.get(name) for key, values in columns.items()}} for name in TRACKS]
    )


def masked(listens: Dataset, policy: Policy, requests: Requests | None = None) -> list[str]:
    """Return, for each user and then a stranger, the letters of the masked tracks."""
    users = np.array([*range(len(listens.users)), -1], np.int32)
    requests = requests or Requests.of_users(listens, users, listens.split.end, Surface.HOME, 3)
    rows = np.tile(np.arange(5, dtype=np.int32), (len(requests), 1))
    mask = Exclusions(requests, policy, listens.catalogue)(rows)
    return ["".join(np.array(TRACKS)[line]) for line in mask]


def policy(**changes: object) -> Policy:
    return OPEN.model_copy(update=changes)


def test_heard_tracks_go_for_ever_never_or_for_days() -> None:
    listens = dataset([("u", "a", 1), ("u", "b", 9), ("u", "c", 10, -1.0), ("v", "d", 10)], tracks())
    assert masked(listens, policy(exclude_heard="all")) == ["abc", "d", ""]
    assert masked(listens, policy(exclude_heard="none")) == ["", "", ""]
    assert masked(listens, policy(exclude_heard=2)) == ["bc", "d", ""]


def test_a_track_comes_again_after_so_many_others() -> None:
    listens = dataset([("u", "a", 1), ("u", "b", 9), ("u", "c", 10, -1.0), ("v", "d", 10)], tracks())
    assert masked(listens, policy(repeat_after_tracks=0)) == ["", "", ""]
    assert masked(listens, policy(repeat_after_tracks=1)) == ["c", "d", ""]
    assert masked(listens, policy(repeat_after_tracks=2)) == ["bc", "d", ""]


def test_disliked_tracks_are_those_whose_strengths_sum_below_zero() -> None:
    plays = [
        ("u", "a", 1, 1.0),
        ("u", "a", 2, -5.0),
        ("u", "b", 1, 1.0),
        ("u", "b", 2, -0.5),
        ("u", "c", 1, -0.1),
    ]
    assert masked(dataset(plays, tracks()), policy(exclude_disliked=True)) == ["ac", ""]


def test_unavailable_tracks_go_for_everybody() -> None:
    listens = dataset([("u", "a", 1)], tracks(available={"b": False, "c": True}))
    assert masked(listens, OPEN) == ["b", "b"]


def test_explicit_tracks_go_for_listeners_who_refuse_them_or_for_all() -> None:
    listens = dataset([("u", "a", 1), ("v", "a", 1)], tracks(explicit={"b": True, "c": False}))
    refused = listens.users.table.set_column(3, c.EXPLICIT_ALLOWED, [[False, None]])
    listens = Dataset(
        listens.catalogue, type(listens.users)(refused), listens.interactions, listens.split, {}
    )
    assert masked(listens, policy(explicit="by_user")) == ["b", "", ""]
    assert masked(listens, policy(explicit="never")) == ["b", "b", "b"]


def test_what_a_request_excludes_and_its_seed_go() -> None:
    listens = dataset([("u", "a", 1)], tracks())
    made = Requests.of_users(listens, np.array([0, -1], np.int32), listens.split.end, Surface.RADIO, 3)
    made = Requests(
        made.queries, made.surface, 3, np.array([-1, 4], np.int32), np.array([0, 2, 3]), np.array([1, 3, 3])
    )
    assert masked(listens, OPEN, made) == ["bd", "de"]


def test_release_radar_keeps_its_window_and_unreleased_tracks_never_show() -> None:
    dates = {"a": date(1970, 1, 3), "b": date(1970, 1, 4), "c": date(1970, 1, 10), "d": date(1970, 1, 11)}
    listens = dataset([("u", "e", 9)], tracks(release_date=dates))  # today is day 9, the 10th
    assert masked(listens, OPEN) == ["d", "d"]
    assert masked(listens, policy(new_release_days=7)) == ["ade", "ade"]


@pytest.mark.parametrize("heard", ["all", "none"])
def test_padding_and_an_empty_catalogue_are_masked(heard: str) -> None:
    listens = dataset([("u", "a", 1)], tracks())
    made = Requests.of_users(listens, np.array([0], np.int32), listens.split.end, Surface.HOME, 3)
    rows = np.array([[-1, 1]], np.int32)
    assert Exclusions(made, policy(exclude_heard=heard), listens.catalogue)(rows).tolist() == [[True, False]]
    nothing = Requests.of(made.queries.keep(np.zeros(1, np.bool_)), Surface.HOME, 3)
    assert Exclusions(nothing, OPEN, catalogue([]))(np.full((1, 2), -1, np.int32)).all()


def test_all_rules_together_leave_out_what_each_does_and_say_why() -> None:
    random = np.random.default_rng(1)
    plays = [
        (
            f"u{random.integers(0, 12)}",
            TRACKS[random.integers(0, 5)],
            day,
            float(random.choice([-1.0, 0.5, 1])),
        )
        for day in range(1, 60)
    ]
    listens = dataset(plays, tracks())
    rules = policy(exclude_heard=20, repeat_after_tracks=2, exclude_disliked=True)
    users = np.arange(len(listens.users), dtype=np.int32)
    requests = Requests.of_users(listens, users, listens.split.end, Surface.HOME, 3)
    rows = np.tile(np.arange(5, dtype=np.int32), (len(requests), 1))
    exclusions = Exclusions(requests, rules, listens.catalogue)
    mask, queries = exclusions(rows), requests.queries
    for request, (start, stop) in enumerate(zip(queries.offsets[:-1], queries.offsets[1:], strict=True)):
        played, strengths = queries.track_rows[start:stop], queries.strengths[start:stop]
        is_late = queries.seconds[start:stop] >= queries.as_of[request] - 20 * 86_400
        for track in range(5):
            causes = {
                "heard": track in played[is_late],
                "just played": track in played[-2:],
                "disliked": strengths[played == track].sum() < 0,
            }
            assert exclusions.causes(request, track) == [cause for cause, holds in causes.items() if holds]
            assert mask[request, track] == any(causes.values())
