"""Dashboards are what the boards say, and speak of metrics, measures and rules that exist."""

import json
import re
from pathlib import Path

import pytest

import monitoring.dashboards
from crossfade.schema.metrics import METRICS
from monitoring.dashboards.__main__ import main
from monitoring.dashboards.boards import BOARDS, Board
from tests.monitoring.test_rules import NAME, SUFFIX, rules

FOLDER = Path(monitoring.dashboards.__file__).parent


def test_committed_dashboards_are_what_the_boards_say(tmp_path: Path) -> None:
    main(tmp_path)
    for board in BOARDS:
        new, old = ((folder / f"{board.name}.json").read_text("utf-8") for folder in (tmp_path, FOLDER))
        assert new == old, "If this is meant, run: python -m monitoring.dashboards"


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_a_dashboard_shows_its_panels_in_order_with_their_limits(board: Board) -> None:
    made = json.loads((FOLDER / f"{board.name}.json").read_text("utf-8"))
    assert [panel["title"] for panel in made["panels"]] == [panel.title for panel in board.panels]
    for panel, found in zip(board.panels, made["panels"], strict=True):
        assert {target["expr"] for target in found["targets"]} == set(panel.queries)
        steps = found["fieldConfig"]["defaults"].get("thresholds", {"steps": []})["steps"]
        assert [step["value"] for step in steps] == ([] if panel.limit is None else [None, panel.limit])


def test_queries_speak_of_metrics_and_rules_that_exist() -> None:
    known = {metric.name for metric in METRICS} | {rule["record"] for rule in rules() if "record" in rule}
    used = {
        name
        for board in BOARDS
        for panel in board.panels
        for query in panel.queries
        for name in NAME.findall(query)
    }
    assert {SUFFIX.sub("", name) for name in used} <= known
    assert all(
        re.search(r"crossfade_", query)
        for board in BOARDS
        for panel in board.panels
        for query in panel.queries
    )
