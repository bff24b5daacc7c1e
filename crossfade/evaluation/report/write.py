"""The report: one self-contained HTML file for people, made of whatever a run can show."""

from pathlib import Path
from typing import Final

from crossfade.evaluation.decision import Outcome
from crossfade.evaluation.evaluation import EVERYONE, Evaluation
from crossfade.evaluation.report.blocks import Card, count, decimal, duration, span
from crossfade.evaluation.report.inputs import ReportInputs
from crossfade.evaluation.report.page import page
from crossfade.evaluation.report.quality import (
    cohorts_section,
    exposure_section,
    gate_section,
    metrics_section,
    playlists_section,
)
from crossfade.evaluation.report.running import (
    data_section,
    timings_section,
    training_section,
    validation_section,
)
from crossfade.schema.durable import replace_file

SECTIONS: Final = (
    metrics_section,
    cohorts_section,
    exposure_section,
    playlists_section,
    gate_section,
    data_section,
    validation_section,
    training_section,
    timings_section,
)
FOOTNOTE: Final = "Intervals are bootstrap percentile intervals over users."


def write_report(inputs: ReportInputs, *paths: Path) -> None:
    """Write the report, whole or not at all; what the inputs lack is left out with a note.

    Args:
        inputs: What there is to show.
        paths: The HTML files, which are equal; their directories are made if missing.

    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    sections = [section(inputs) for section in SECTIONS]
    content = page(inputs.title, inputs.facts, _cards(inputs), sections, footnote=FOOTNOTE)
    for path in paths:
        replace_file(path, content)


def _cards(inputs: ReportInputs) -> list[Card]:
    """Return the key figures of what is there."""
    cards = []
    if inputs.decision is not None:
        words = {Outcome.PROMOTE: "Promoted", Outcome.REFUSE: "Refused", Outcome.UNCHANGED: "Unchanged"}
        cards.append(Card("Gate", words[inputs.decision.outcome], _refused(len(_failed(inputs)))))
    if inputs.suite is not None:
        recommender = inputs.suite.recommender
        cards += [
            _metric_card(recommender, metric, name)
            for metric, name in (("recall", "Recall"), ("ndcg", "NDCG"))
        ]
        eligible = inputs.suite.about["num_eligible"]
        cards.append(
            Card("Test users", count(len(recommender)), f"of {count(eligible)} with something new to like")
        )
    if inputs.steps:
        total = sum(step.seconds for step in inputs.steps)
        cards.append(Card("Run", duration(total), f"{len(inputs.steps)} steps"))
    return cards


def _failed(inputs: ReportInputs) -> list[str]:
    checks = inputs.decision.checks if inputs.decision else []
    return [check.metric for check in checks if check.refuses]


def _refused(failed: int) -> str:
    if not failed:
        return "no comparison refuses"
    return "1 comparison refuses" if failed == 1 else f"{failed} comparisons refuse"


def _metric_card(recommender: Evaluation, metric: str, name: str) -> Card:
    found = recommender.summary[EVERYONE][metric]
    return Card(f"{name}@{recommender.k}", decimal(found.mean), span(found.low, found.high))
