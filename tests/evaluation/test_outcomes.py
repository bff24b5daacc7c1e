"""What follows from a decision, on real files and a real registry; and the report that is gathered from a run."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crossfade.evaluation import outcomes
from crossfade.evaluation.decision import Decision, Outcome
from crossfade.evaluation.report.gather import Parts, report_run
from crossfade.evaluation.report.inputs import Place, Playlist
from crossfade.evaluation.samples import save_samples
from crossfade.evaluation.suite import Suite
from crossfade.recommender.bundle import write_bundle
from crossfade.recommender.registry import Registry
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import CrossfadeError, IntegrityError
from tests.evaluation import worlds

DAY = 86_400


def bundle(workspace: Workspace, end: int, *parents: str) -> str:
    window = {"start": 0, "end": end, "split": {"end": 20 * DAY}}
    epochs = [
        {"epoch": 1, "loss": 2.0, "validation_recall": 0.1},
        {"epoch": 2, "loss": 1.0, "validation_recall": 0.2},
    ]
    about = {
        "window": window, "parents": list(parents), "code_version": "0", "lake_versions": {"gold/catalogue": 3},
        "metrics": {"two_tower": epochs},
    }  # fmt: skip
    return write_bundle(workspace.bundles, lambda folder: (folder / "file").write_text("x"), about).name


def judged(challenger: str, outcome: Outcome, champion: str = "") -> outcomes.Judged:
    metrics = {"recall": np.linspace(0, 1, 20), "ndcg": np.linspace(0, 0.5, 20)}
    metrics |= dict.fromkeys(("hit_rate", "precision"), np.ones(20))
    system = worlds.evaluation("recommender", metrics, bundle=challenger)  # type: ignore[arg-type]
    suite = Suite(
        {"recommender": system}, [0.5, 0.5], {"num_eligible": 20, "num_tracks": 9, "start": 1, "end": 2}
    )
    return outcomes.Judged(Decision(outcome, ["It is so.", "And so."], [], challenger, champion), suite)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "workspace")


def test_the_rival_is_the_relative_that_has_not_seen_the_test(
    workspace: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    worlds.letters().save(tmp_path)
    assert outcomes.find_rival(workspace, tmp_path) == ("", "")
    assert "There is no champion yet" in caplog.text
    parent = bundle(workspace, worlds.START)
    champion = bundle(workspace, worlds.END, parent)
    workspace.promote(champion, reason="r", run_id="1", evaluation={})
    assert outcomes.find_rival(workspace, tmp_path) == (parent, champion)
    assert f"Bundle {parent} stands for champion {champion}" in caplog.text
    alone = bundle(workspace, worlds.END + 1)
    workspace.promote(alone, reason="r", run_id="2", evaluation={})
    assert outcomes.find_rival(workspace, tmp_path) == ("", alone)
    assert f"Champion {alone} and all of its parents know the test period" in caplog.text


def test_promotion_and_refusal_are_noted_and_mirrored(workspace: Workspace) -> None:
    settings = worlds.settings()
    registry = Registry(settings.tracking, workspace)
    first = bundle(workspace, 1)
    published = bundle(workspace, 2, first)
    promotion = outcomes.promote(
        workspace, published, "run-1", settings=settings, judged=judged(first, Outcome.PROMOTE)
    )
    assert (promotion.action, promotion.reason) == ("promote", "It is so. And so.")
    mean, low, high = promotion.evaluation["recall"]
    assert mean == pytest.approx(0.5)
    assert low < mean < high
    assert workspace.champion_digest() == registry.pointed("champion") == published
    assert registry.pointed("challenger") == first

    second = bundle(workspace, 3)
    # A run that was killed before it moved the alias is mended by the next.
    registry.point("champion", first)
    refusal = outcomes.refuse(
        workspace, "run-2", settings=settings, judged=judged(second, Outcome.UNCHANGED, first)
    )
    assert (refusal.action, refusal.digest, refusal.previous) == ("refuse", second, published)
    assert workspace.champion_digest() == registry.pointed("champion") == published
    assert registry.pointed("challenger") == second
    with pytest.raises(IntegrityError, match=f"decision on its parent {second} is refuse"):
        outcomes.promote(workspace, second, "run-3", settings=settings, judged=judged(second, Outcome.REFUSE))
    assert workspace.champion_digest() == published


def test_of_two_runs_at_once_only_the_first_promotes(workspace: Workspace) -> None:
    settings = worlds.settings()
    rival = bundle(workspace, 1)
    champion = bundle(workspace, 2, rival)
    workspace.promote(champion, reason="First.", run_id="0", evaluation={})
    challengers = [bundle(workspace, 3), bundle(workspace, 4)]
    published = [bundle(workspace, 5 + place, parent) for place, parent in enumerate(challengers)]
    # Both were judged against the same champion before either was promoted.
    both = [judged(challenger, Outcome.PROMOTE, rival) for challenger in challengers]
    both = [replace(one, decision=replace(one.decision, reigning=champion)) for one in both]
    outcomes.promote(workspace, published[0], "1", settings=settings, judged=both[0])
    message = (
        f"{published[1]} was judged against champion {champion}, but the champion is {published[0]} by now"
    )
    with pytest.raises(CrossfadeError, match=message):
        outcomes.promote(workspace, published[1], "2", settings=settings, judged=both[1])
    assert workspace.promotions.champions() == [champion, published[0]]
    # The step of the first run may be tried again.
    outcomes.promote(workspace, published[0], "1", settings=settings, judged=both[0])
    assert workspace.promotions.champions() == [champion, published[0]]
    assert Registry(settings.tracking, workspace).pointed("champion") == published[0]


def test_a_decision_and_an_evaluation_must_be_of_one_bundle(tmp_path: Path) -> None:
    fine = judged("a", Outcome.PROMOTE)
    fine.decision.save(tmp_path / "decision.json")
    fine.suite.save(tmp_path)
    assert outcomes.Judged.load(tmp_path / "decision.json", tmp_path).decision == fine.decision
    replace(fine.decision, challenger="b").save(tmp_path / "decision.json")
    with pytest.raises(IntegrityError, match=r"decision in .* is on bundle b, the evaluation in .* is of a"):
        outcomes.Judged.load(tmp_path / "decision.json", tmp_path)


def test_the_report_is_gathered_from_what_the_steps_left(workspace: Workspace, tmp_path: Path) -> None:
    digest = bundle(workspace, 10 * DAY)
    of = judged(digest, Outcome.PROMOTE)
    of.suite.save(tmp_path / "evaluation")
    save_samples(
        [Playlist("Heavy listener", [], [Place("Glass", "Ann", "Two-tower", "You like Ann.")])],
        tmp_path / "evaluation",
    )
    of.decision.save(tmp_path / "decision.json")
    counts = {"name": "events", "rows_in": 10, "rows_silver": 7, "rows_quarantined": 2, "rows_duplicate": 1}
    (tmp_path / "counts.json").write_text(json.dumps([{**counts, "rows_implied": 0}]))
    result = {
        "name": "is never null", "table": "silver/events", "column": "user_id", "observed": 0.25, "limit": "0",
        "passed": False, "raised": None, "mend": "",
    }  # fmt: skip
    (tmp_path / "validation").mkdir()
    (tmp_path / "validation" / "validation.json").write_text(json.dumps({"results": [result]}))
    times = {
        "step": "train-ranker",
        "status": "finished",
        "seconds": 61.0,
        "cpu_seconds": 9.0,
        "peak_rss_bytes": 3 << 20,
    }
    (workspace.runs / "run-1").mkdir()
    (workspace.runs / "run-1" / "timings.json").write_text(json.dumps([times]))
    parts = Parts(
        tmp_path / "counts.json", tmp_path / "validation", tmp_path / "evaluation", tmp_path / "decision.json"
    )
    kept = report_run(parts, workspace, "run-1", tmp_path / "page.html")
    assert kept == workspace.reports / "run-1.html"
    text = kept.read_text("utf-8")
    assert (tmp_path / "page.html").read_text("utf-8") == text
    for shown in (
        "Training run run-1", digest, "1970-01-01 to 1970-01-11", "gold/catalogue 3", "10 rows came in", "All counts add up.",
        "user_id: is never null (0)", "0.25", "Two-tower: validation recall", "Glass", "1 min 01 s, 3 MiB",
    ):  # fmt: skip
        assert shown in text, shown
