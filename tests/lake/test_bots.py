"""Flags of accounts: the score of the odd one, the rest of a machine, and people's lists; and the marks that follow."""

from datetime import timedelta
from pathlib import Path

import ibis
import numpy as np
import pytest

from crossfade.lake import activity, bots
from crossfade.lake.activity import HOUR_KEY
from crossfade.lake.bot_score import DECIMALS, account_scores
from crossfade.lake.layout import BOT_LISTS_SCHEMA, BOTS_SCHEMA
from crossfade.schema import columns as c
from crossfade.schema.settings import default_settings
from tests.lake.plays import flags, listens, told
from tests.lake.rows import START, Row, arrow, bronze, table

LOOP = listens("bot", [90 * number + 47 * (number % 2) for number in range(10)], played_ms=31_000)
OWN = listens("bot", [7200.0, 7600.0], device="phone")
LIST: Row = {c.USER_ID: "bot", c.LIST: bots.ALLOW, c.IMPORTED_AT: START}


def test_an_account_that_mostly_loops_is_held_whole(tmp_path: Path) -> None:
    found = flags(LOOP + OWN, tmp_path)
    assert told(found)[("bot", "mostly")] == pytest.approx(10 / 12)
    whole = [row for row in found.to_pylist() if row[c.HOUR] is None]
    assert [(row[c.RULE], row[c.LISTENS]) for row in whole] == [("mostly", 12)]
    less = [row | {c.USER_ID: "less"} for row in LOOP + OWN + listens("bot", [9000.0], device="phone")]
    assert told(flags(less, tmp_path)) == {("less", "loop"): 1.0}


def test_what_a_machine_does_abroad_says_nothing_of_who_plays_at_home(tmp_path: Path) -> None:
    away = [row | {c.COUNTRY: "BR"} for row in LOOP + OWN]
    home = listens("bot", [90_000.0 + 400 * number for number in range(3)], country="DE")
    found = flags(away + home, tmp_path)
    there = [row for row in found.to_pylist() if row[c.RULE] == "mostly"]
    assert {(row[c.COUNTRY], row[c.MEASURE]) for row in there} == {("BR", 10 / 12)}
    assert sum(row[c.LISTENS] for row in there) == 2  # the loop holds the ten others
    assert "DE" not in found[c.COUNTRY].to_pylist()
    everywhere = [row | {c.COUNTRY: country} for country in ("BR", "DE") for row in LOOP]
    assert [row[c.LISTENS] for row in flags(everywhere, tmp_path).to_pylist() if row[c.HOUR] is None] == [20]


def test_lists_overrule_and_the_newest_decision_counts(tmp_path: Path) -> None:
    decisions = {
        "none": (),
        "allowed": (bots.ALLOW,),
        "denied": (bots.DENY,),
        "denied, then allowed": (bots.DENY, bots.ALLOW),
        "allowed, then forgotten": (bots.ALLOW, bots.FORGET),
    }
    rows = [row | {c.USER_ID: user} for user in decisions for row in LOOP]
    lists: list[Row] = [
        {c.USER_ID: user, c.LIST: name, c.IMPORTED_AT: START + timedelta(days=day)}
        for user, names in decisions.items()
        for day, name in enumerate(names)
    ]
    found = flags(rows, tmp_path, lists=lists).to_pylist()
    flagged = {
        user: {row[c.RULE]: row[c.IS_FLAGGED] for row in found if row[c.USER_ID] == user}
        for user in decisions
    }
    by_rules = {"loop": True, "mostly": True}
    overruled = dict.fromkeys(by_rules, False)
    assert flagged == {
        "none": by_rules,
        "allowed": overruled,
        "denied": by_rules | {"denied": True},
        "denied, then allowed": overruled,
        "allowed, then forgotten": by_rules,
    }


def test_a_denied_account_needs_no_listen_with_a_time(tmp_path: Path) -> None:
    rows: list[Row] = [{c.USER_ID: "bot", c.TRACK_ID: "t"}]
    found = flags(rows, tmp_path, lists=[LIST | {c.LIST: bots.DENY}]).to_pylist()
    assert [(row[c.RULE], row[c.LISTENS], row[c.MEASURE]) for row in found] == [("denied", 0, None)]


def marks(rows: list[Row], held: list[Row]) -> list[bool]:
    marked = bots.marked(ibis.memtable(bronze(rows)), table(held, BOTS_SCHEMA)).to_pyarrow()
    return [row[c.IS_BOT] for row in sorted(marked.to_pylist(), key=lambda row: int(row[c.EVENT_ID][1:]))]


def test_marks_are_of_the_hour_and_place_or_of_the_whole_account() -> None:
    timeless: Row = {c.USER_ID: "u", c.TRACK_ID: "t"}
    rows: list[Row] = [
        *listens("u", [0, 3599, 3600]),
        *listens("u", [10], device="phone"),
        *listens("v", [10]),
        timeless,
    ]
    spot: Row = dict.fromkeys(HOUR_KEY, "") | {c.USER_ID: "u", c.HOUR: START, c.IS_FLAGGED: True}
    assert marks(rows, [spot]) == [True, True, False, False, False, False]
    assert marks(rows, [spot | {c.DEVICE: "phone"}]) == [False, False, False, True, False, False]
    assert marks(rows, [spot, spot | {c.RULE: "another"}]) == [True, True, False, False, False, False]
    assert marks(rows, [spot | {c.IS_FLAGGED: False}]) == [False] * 6
    whole: Row = {c.USER_ID: "u", c.IS_FLAGGED: True}
    assert marks(rows, [whole]) == [True, True, True, True, False, True]
    assert marks(rows, []) == [False] * 6


def test_the_score_adds_up_robust_distances_in_the_odd_direction() -> None:
    settings = default_settings().bots
    rng = np.random.default_rng(3)
    listens, num_hours, num_days = rng.integers(40, 400, 30), rng.integers(8, 30, 30), rng.integers(4, 8, 30)
    just_over, cut = rng.integers(0, 9, 30), rng.integers(5, 40, 30)
    just_over[7], cut[7], listens[7], num_hours[7] = 150, 0, 200, 30
    rows = [
        {
            c.USER_ID: f"u{user:02}",
            c.HOUR: START + timedelta(days=hour % int(num_days[user]), hours=hour // int(num_days[user])),
            c.DAY: (START + timedelta(days=hour % int(num_days[user]))).date(),
            c.COUNTRY: "",
            c.DEVICE: "phone" if hour % 3 else "web",
            "jumps": 0,
            "travels": 0,
            **{
                name: int(total[user]) * (hour == 0)
                for name, total in {
                    "listens": listens, "timed": listens, "just_over": just_over, "cut": cut,
                }.items()
            },
        }
        for user in range(30)
        for hour in range(int(num_hours[user]))
    ]  # fmt: skip
    days = activity.spot_days(ibis.memtable(rows))
    nowhere = ibis.memtable([], schema={c.USER_ID: "string", "home": "string"})
    found = account_scores(days, activity.spots(days, nowhere), settings).to_pyarrow().sort_by(c.USER_ID)
    kept = listens >= settings.score_plays
    assert found["listens"].to_pylist() == listens[kept].tolist()
    # (value - median) / (1.4826 MAD, at least the floor), weighted by n / (n + prior), clipped to 0 .. cap, added up
    expected = np.zeros(kept.sum())
    for value, direction, least in (
        (just_over / listens, 1, 0.02),
        (cut / listens, -1, 0.05),
        (np.log(listens / num_hours), 1, 0.2),
        (np.log(num_hours / num_days), 1, 0.2),
    ):
        value = value[kept]
        off = value - np.median(value)
        spread = max(1.4826 * np.median(np.abs(off)), least)
        weight = listens[kept] / (listens[kept] + settings.score_prior_plays)
        expected += np.clip(direction * off * weight / spread, 0, settings.score_cap)
    np.testing.assert_allclose(found["score"].to_numpy(), np.round(expected, DECIMALS), rtol=1e-9)
    assert found[c.USER_ID][int(np.argmax(expected))].as_py() == "u07"


def test_one_oddity_alone_never_tells() -> None:
    settings = default_settings().bots
    assert settings.score_cap < settings.score


def test_equal_events_in_another_order_give_equal_flags(tmp_path: Path) -> None:
    def rows(order: int) -> list[dict[str, object]]:
        found = flags((LOOP + OWN)[::order], tmp_path).to_pylist()
        return sorted(found, key=lambda row: (row[c.RULE], str(row[c.HOUR])))

    assert rows(1) == rows(-1)


def test_lists_have_one_row_a_user() -> None:
    rows = [LIST, LIST | {c.LIST: bots.DENY, c.IMPORTED_AT: START + timedelta(seconds=1)}]
    newest = bots.newest_lists(ibis.memtable(arrow(rows, BOT_LISTS_SCHEMA))).to_pyarrow().to_pylist()
    assert newest == [{c.USER_ID: "bot", c.LIST: bots.DENY}]
