"""The report of an experiment: effects over time, ramp, guardrails, cohorts and history, as one HTML page."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from crossfade.evaluation.report.blocks import (
    NOTHING,
    Card,
    Cell,
    Head,
    Row,
    Section,
    Table,
    VerdictBlock,
    count,
)
from crossfade.evaluation.report.page import page
from crossfade.experiments.decision import Action
from crossfade.experiments.history import Phase
from crossfade.experiments.report_deeper import deeper_sections
from crossfade.experiments.report_effects import (
    ReportInputs,
    cohorts_section,
    effects_section,
    guardrails_section,
    holdout_section,
)
from crossfade.schema.durable import replace_file
from crossfade.schema.errors import NotFoundError

FOOTNOTE: Final = (
    "Intervals of effects are always valid: they hold at all looks together. "
    "Those of cohorts and of all below them are for one look and decide nothing."
)
MARKS: Final = {Action.PROMOTE: "good", Action.ROLL_BACK: "bad"}


def write_report(inputs: ReportInputs, path: Path) -> None:
    """Write the page, whole or not at all.

    Raises:
        NotFoundError: It ended before anybody looked at it.
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    spec, standing = inputs.experiment.spec, inputs.standing
    if "last" not in inputs.told:
        raise NotFoundError(
            f"Experiment {inputs.experiment.metadata.name} ended before anybody looked at it, so there is nothing to draw. "
            f"{inputs.told['reasons'][0]}"
        )
    facts = {
        "Owner": spec.owner,
        "Surface": str(spec.surface),
        "Began": _day(standing.began),
        **({"Ended": _day(standing.ended_at)} if standing.ended else {}),
        "Newest event": str(inputs.told["last"])[:10],
    }
    cards = [
        Card(_what(inputs), str(inputs.told["action"]), inputs.told["treatment"] or ""),
        Card("Step", f"{standing.step} of {len(spec.ramp)}", f"since {_day(standing.step_began)}"),
        *(Card(f"Users of {name}", count(users)) for name, users in inputs.told["users"].items()),
    ]
    sections = [
        section(inputs)
        for section in (
            _decision,
            effects_section,
            guardrails_section,
            _ramp,
            cohorts_section,
            *([holdout_section] if "holdout" in inputs.told else []),
        )
    ]
    sections += [*deeper_sections(inputs), _history(inputs)]
    title = f"Experiment {inputs.experiment.metadata.name}"
    replace_file(path, page(title, facts, cards, sections, footnote=FOOTNOTE))


def _day(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d") if moment else NOTHING


def _what(inputs: ReportInputs) -> str:
    return "Ended" if inputs.standing.ended else "Next"


def _decision(inputs: ReportInputs) -> Section:
    told = inputs.told
    block = VerdictBlock(f"{_what(inputs)}: {told['action']}", told["reasons"], MARKS.get(told["action"], ""))
    left_out = told["of_several_variants"]
    lead = f"{count(left_out)} users saw more than one variant and are left out." if left_out else ""
    return Section("decision", "Decision", lead, [block])


def _ramp(inputs: ReportInputs) -> Section:
    heads = [Head("Step"), Head("Shares"), Head("At least"), Head("State")]
    standing, ended = inputs.standing, inputs.standing.ended
    states = {-1: "done", 0: ended.action if ended else "running", 1: NOTHING}
    rows = [
        Row(
            [
                Cell(f"{number}"),
                Cell(", ".join(f"{name} {share:.2%}" for name, share in step.shares.items())),
                Cell(f"{step.minimum_duration / timedelta(days=1):g} days"),
                Cell(states[int(np.sign(number - standing.step))]),
            ],
            number == standing.step,
        )
        for number, step in enumerate(inputs.experiment.spec.ramp, start=1)
    ]
    return Section(
        "ramp", "Ramp", "Shares of all users; what no treatment has is control's.", [Table(heads, rows)]
    )


def _history(inputs: ReportInputs) -> Section:
    lines = [line for line in inputs.lines if line.phase is Phase.BEGUN]
    if not lines:
        return Section("history", "History", missing="No rollout's directory was named.")
    rows = [
        Row(
            [
                Cell(line.time[:16].replace("T", " ")),
                Cell(line.action),
                Cell(str(line.step)),
                Cell(line.reasons[0]),
            ]
        )
        for line in lines
    ]
    heads = [Head("When, UTC"), Head("What"), Head("Step"), Head("Why")]
    return Section("history", "History", f"{count(len(rows))} steps were taken.", [Table(heads, rows)])
