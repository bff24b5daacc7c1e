"""Who is marked and why, from the lake; decisions stay, and count from the next refresh on."""

from pathlib import Path

import pytest

from crossfade.lake import bots
from crossfade.lake.build import refresh
from crossfade.lake.lake import BRONZE, GOLD, SILVER, Lake
from crossfade.lake.own_ids import own_ids
from crossfade.quality.bots import put_on_list, require_one_list, suspects
from crossfade.schema import columns as c
from crossfade.schema.errors import InputError, NotFoundError
from crossfade.schema.settings import default_settings
from tests.lake.plays import listens
from tests.lake.rows import bronze

SETTINGS = default_settings()
LOOP = [90.0 * number + 47 * (number % 2) for number in range(10)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake.create(tmp_path / "lake")
    rows = listens("bot", LOOP, played_ms=31_000) + listens("fan", LOOP)
    lake.append(BRONZE, "events", bronze(rows))
    refresh(lake, SETTINGS)
    return lake


def learnt_from(lake: Lake) -> set[str]:
    return set(own_ids(lake, lake.read(GOLD, "interactions").column(c.USER_ID).to_pylist()).values())


def test_a_suspect_has_the_evidence_of_each_rule_and_loses_no_event(lake: Lake) -> None:
    (found,) = suspects(lake)
    assert (found.user_id, found.is_flagged, found.is_whole) == ("bot", True, True)
    assert [str(evidence) for evidence in found.evidence] == [
        "loop: 100% of a visit's plays end just over 30 s, mostly of one artist (10 listens)",
        "mostly: 100% of all its plays are held against it by other rules (10 listens)",
    ]
    assert learnt_from(lake) == {"fan"}
    assert lake.num_rows(SILVER, "events") == 20


def test_decisions_survive_a_refresh_and_can_be_taken_back(lake: Lake) -> None:
    put_on_list(lake, ["bot", "bot"], bots.ALLOW)
    put_on_list(lake, ["fan"], bots.DENY)
    report = refresh(lake, SETTINGS)
    assert {"silver/bots", "silver/events", "gold/interactions"} <= set(report.written)
    assert learnt_from(lake) == {"bot"}
    assert [(each.user_id, each.is_flagged) for each in suspects(lake)] == [("bot", False), ("fan", True)]
    assert str(suspects(lake)[1].evidence[0]) == "denied: on the deny list (10 listens)"
    assert refresh(lake, SETTINGS).written == ()
    put_on_list(lake, ["bot", "fan"], bots.FORGET)
    refresh(lake, SETTINGS)
    assert learnt_from(lake) == {"fan"}


def test_an_account_that_is_not_there_is_refused(lake: Lake) -> None:
    with pytest.raises(NotFoundError, match=r"has no event of user 'nobody'; use the id as it stands"):
        put_on_list(lake, ["fan", "nobody"], bots.DENY)


def test_deciding_on_nobody_writes_nothing(lake: Lake) -> None:
    versions = lake.versions()
    put_on_list(lake, [], bots.ALLOW)
    assert lake.versions() == versions


def test_an_account_goes_on_one_list() -> None:
    require_one_list({"allow": ["a", "a"], "deny": ["b"]})
    with pytest.raises(InputError, match=r"User 'a' cannot go on both allow and deny; choose one"):
        require_one_list({"allow": ["a"], "deny": ["b", "a"]})


def test_a_lake_without_silver_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no table silver/bots; build it with: crossfade lake refresh"):
        suspects(Lake.create(tmp_path / "lake"))
