"""The report: one self-contained HTML file for people, made of whatever a run can show."""

from importlib.resources import files
from pathlib import Path
from typing import Final

from crossfade.evaluation.decision import Outcome
from crossfade.evaluation.evaluation import EVERYONE, Evaluation
from crossfade.evaluation.report.blocks import Card, Section, count, decimal, duration, span
from crossfade.evaluation.report.inputs import ReportInputs
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
from crossfade.schema.errors import MissingExtraError

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


def write_report(inputs: ReportInputs, *paths: Path) -> None:
    """Write the report, whole or not at all; what the inputs lack is left out with a note.

    Args:
        inputs: What there is to show.
        paths: The HTML files, which are equal; their directories are made if missing.

    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    page = _page(inputs, [section(inputs) for section in SECTIONS]).encode()
    for path in paths:
        replace_file(path, page)


def _page(inputs: ReportInputs, sections: list[Section]) -> str:
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise MissingExtraError("jinja2", "report") from error
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    here = files("crossfade.evaluation.report")
    return environment.from_string(here.joinpath("template.html").read_text("utf-8")).render(
        title=inputs.title,
        facts=list(inputs.facts.items()),
        style=here.joinpath("style.css").read_text("utf-8"),
        cards=_cards(inputs),
        sections=sections,
    )


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
