"""Policies: each file is the manual, wrong keys are refused in one line, text and object round-trip."""

from pathlib import Path

import pytest

from crossfade.recommender.policy import Policy, load_policy, parse_policy
from crossfade.recommender.surfaces import (
    default_policies,
    default_policy_text,
    load_policies,
    surface_of,
    write_policies,
)
from crossfade.reranking.flow import FlowRules
from crossfade.schema.errors import InputError, SettingsError
from crossfade.schema.tables import Surface

RADIO = default_policy_text(Surface.RADIO)
HOME = default_policy_text(Surface.HOME)


def test_each_surface_has_a_policy_that_names_and_explains_every_key() -> None:
    for surface in Surface:
        lines = [
            line for line in default_policy_text(surface).splitlines() if line and not line.startswith("#")
        ]
        assert [line.split(":")[0] for line in lines] == list(Policy.model_fields)
        assert all("  # " in line for line in lines), surface


def test_policies_round_trip(tmp_path: Path) -> None:
    for policy in default_policies().values():
        assert parse_policy(policy.dumps()) == policy
    write_policies(tmp_path / "policies")
    assert load_policies(tmp_path / "policies") == default_policies()


def test_changes_are_written_over_the_default_policy_of_their_surface_alone(tmp_path: Path) -> None:
    write_policies(tmp_path / "policies", {"home": {"diversity": 0.9, "explore_places": [4]}})
    found, usual = load_policies(tmp_path / "policies"), default_policies()
    assert (found[Surface.HOME].diversity, found[Surface.HOME].explore_places) == (0.9, (4,))
    assert found[Surface.HOME] != usual[Surface.HOME]
    assert found[Surface.HOME].changed(usual[Surface.HOME].model_dump(mode="json")) == usual[Surface.HOME]
    assert {**found, Surface.HOME: usual[Surface.HOME]} == usual
    with pytest.raises(SettingsError, match=r"policy: diversity=2: .*less than or equal to 1"):
        found[Surface.HOME].changed({"diversity": 2})


def test_heard_tracks_are_excluded_for_ever_never_or_for_days() -> None:
    heard = [
        parse_policy(HOME.replace("exclude_heard: 7", f"exclude_heard: {v}")).exclude_heard
        for v in ("all", "none", 30)
    ]
    assert heard == ["all", "none", 30]


def test_a_policy_of_before_there_was_an_order_keeps_none() -> None:
    later = ("flow:", "artist_distance:", "known_artists_first:")
    before = "\n".join(line for line in RADIO.splitlines() if not line.startswith(later))
    policy = parse_policy(before)
    assert (policy.order, policy.known_artists_first) == (FlowRules(), False)
    assert parse_policy(RADIO).order != FlowRules()


def test_places_beyond_the_slate_do_not_explore() -> None:
    policy = parse_policy(RADIO.replace("explore_places: []", "explore_places: [2, 10, 30]"))
    assert policy.exploration(10, 5).places == (1, 9)
    assert policy.exploration(30, 5).places == (1, 9, 29)


def test_shares_of_nought_to_one_set_nothing() -> None:
    assert not parse_policy(RADIO).sets_shares
    assert parse_policy(RADIO.replace("small_artists: [0, 1]", "small_artists: [0.1, 1]")).sets_shares


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            RADIO + "\ntempo: 1",
            r"radio\.yaml: unknown key tempo; known: artist_distance, calibration, diversity",
        ),
        (RADIO.replace("k: 30", ""), r"radio\.yaml: key k is missing; a policy names every key"),
        (RADIO.replace("k: 30", "k: 0"), r"radio\.yaml: k=0: Input should be greater than or equal to 1"),
        (
            RADIO.replace("diversity: 0.05", "diversity: 2"),
            r"diversity=2: Input should be less than or equal to 1",
        ),
        (HOME.replace("exclude_heard: 7", "exclude_heard: some"), r"exclude_heard='some'"),
        (
            RADIO.replace("explore_places: []", "explore_places: [0]"),
            r"explore_places\.0=0: Input should be greater than or equal to 1",
        ),
        (
            RADIO.replace("explore_places: []", "explore_places: [9, 3]"),
            r"explore_places=\[9, 3\]: .* should rise",
        ),
        (
            RADIO.replace("explore_places: []", "explore_places: [1, 2, 3, 4]"),
            r"explore_places=\[1, 2, 3, 4\]: .* at most 3 items",
        ),
        (
            RADIO.replace("new_artists: [0, 1]", "new_artists: [0.6, 0.2]"),
            r"new_artists=\[0.6, 0.2\]: .* rise",
        ),
        (
            RADIO.replace("new_artists: [0, 1]", "new_artists: [0, 2]"),
            r"new_artists\.1=2: .* less than or equal to 1",
        ),
        ("- a", r"radio\.yaml: needs keys and values, got list"),
        ("a: [", r"radio\.yaml: not YAML"),
    ],
)
def test_wrong_policies_name_file_key_and_value(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "radio.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message):
        load_policy(path)


def test_a_missing_policy_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"home\.yaml does not exist"):
        load_policy(tmp_path / "home.yaml")


def test_an_unknown_surface_lists_the_known() -> None:
    assert surface_of("home") is Surface.HOME
    with pytest.raises(
        InputError, match="Surface 'hom' does not exist; choose one of: discover_weekly, radio"
    ):
        surface_of("hom")
