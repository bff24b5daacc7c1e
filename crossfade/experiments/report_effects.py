"""Sections of an experiment's report on what a treatment does: effects over time, guardrails, cohorts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from crossfade.evaluation.bootstrap import Interval
from crossfade.evaluation.report.blocks import NOTHING, Cell, Figure, Head, Row, Section, Table, count
from crossfade.evaluation.report.charts import EffectCurve, EffectPanel, cohorts_chart, effects_chart
from crossfade.experiments.cohorts import CohortEffect
from crossfade.experiments.decision import Action
from crossfade.experiments.history import Line, Phase, Standing
from crossfade.experiments.spec import Experiment, ExperimentSpec, Guardrail
from crossfade.experiments.statistics.guardrails import Verdict, verdict

Told = Mapping[str, Any]


@dataclass(frozen=True)
class ReportInputs:
    """What a report shows.

    Args:
        experiment: Its manifest.
        standing: Where it stands.
        lines: Its history; none where the rollout's directory is not known.
        told: What `status` tells now, with `last`, the time of the newest event.
        cohorts: Effects now.
        deeper: What `Look.deeper` tells.
    """

    experiment: Experiment
    standing: Standing
    lines: Sequence[Line]
    told: Told
    cohorts: Sequence[CohortEffect]
    deeper: Told


def _looks(inputs: ReportInputs) -> list[Told]:
    """Return what was told at each look of the running step, by time of its newest event, the present one last."""
    earlier = [
        line.seen
        for line in inputs.lines
        if line.phase is Phase.BEGUN
        and line.seen
        and line.step == inputs.standing.step
        and line.action == Action.HOLD
    ]
    looks = {str(seen["last"]): seen for seen in (*earlier, inputs.told)}
    return [looks[last] for last in sorted(looks)]


def effects_section(inputs: ReportInputs) -> Section:
    """Show what each treatment does to each metric, look by look."""
    spec, looks = inputs.experiment.spec, _looks(inputs)
    panels = [
        EffectPanel(
            metric, [_curve(inputs, looks, metric, name) for name in spec.treatments], _bound(spec, metric)
        )
        for metric in inputs.told["effects"]
    ]
    better = _higher_is_better(spec)
    heads = [Head("Metric"), Head("Treatment"), Head("Effect", number=True), Head("Adjusted p", number=True)]
    rows = [
        Row(
            [Cell(metric), Cell(name), _effect_cell(told, better[metric]), _chance_cell(told)],
            metric == spec.primary.name,
        )
        for metric, arms in inputs.told["effects"].items()
        for name, told in arms.items()
    ]
    words = ", ".join(inputs.told["effects"])
    chart = Figure(
        effects_chart(panels, f"Effects over time on {words}."),
        "Change against control, %, with its interval, at each look of the running step; the orange line "
        "is a guardrail's margin.",
    )
    lead = (
        f"The metric that decides is {spec.primary.name}; {spec.primary.minimum_effect:.1%} is worth finding."
    )
    return Section("effects", "Effects", lead, [chart, Table(heads, rows)])


def _curve(inputs: ReportInputs, looks: Sequence[Told], metric: str, treatment: str) -> EffectCurve:
    began = inputs.standing.step_began
    assert began is not None
    days, effects = [], []
    for seen in looks:
        told = seen["effects"].get(metric, {}).get(treatment, {})
        days.append((datetime.fromisoformat(seen["last"]) - began) / timedelta(days=1))
        effects.append(
            [np.nan if told.get(end) is None else 100 * told[end] for end in ("estimate", "low", "high")]
        )
    estimates, lows, highs = zip(*effects, strict=True)
    return EffectCurve(treatment, days, estimates, lows, highs)


def _bound(spec: ExperimentSpec, metric: str) -> float | None:
    """Return a guardrail's margin on its bad side, in percent."""
    for guardrail in spec.guardrails:
        if guardrail.name == metric:
            return 100 * (-guardrail.margin if guardrail.higher_is_better else guardrail.margin)
    return None


def _higher_is_better(spec: ExperimentSpec) -> dict[str, bool]:
    return {each.name: each.higher_is_better for each in (spec.primary, *spec.guardrails, *spec.secondary)}


def _effect_cell(told: Told, higher_is_better: bool) -> Cell:
    """Write an effect, marked good or bad where its whole interval is on one side of nothing."""
    if told["estimate"] is None:
        return Cell(NOTHING, number=True)
    ends = [told["low"], told["high"]]
    known = None not in ends
    is_sure = known and not ends[0] <= 0 <= ends[1]
    mark = "even" if not is_sure else "good" if (ends[0] > 0) == higher_is_better else "bad"
    return Cell(
        f"{told['estimate']:+.2%}", f"{ends[0]:+.2%} to {ends[1]:+.2%}" if known else "", mark, number=True
    )


def _chance_cell(told: Told) -> Cell:
    chance = told.get("adjusted_p_value")
    return Cell(NOTHING if chance is None else f"{chance:.3g}", number=True)


def guardrails_section(inputs: ReportInputs) -> Section:
    """Show what may only roll back, and what its intervals say."""
    spec = inputs.experiment.spec
    if not spec.guardrails and not spec.alarms:
        return Section("guardrails", "Guardrails", missing="The manifest names no guardrails and no alarms.")
    heads = [
        Head("Guardrail"),
        Head("Treatment"),
        Head("Effect", number=True),
        Head("Margin", number=True),
        Head("Verdict"),
    ]
    rows = [
        Row(
            [
                Cell(each.name),
                Cell(name),
                _plain(told),
                Cell(f"{each.margin:.1%}", number=True),
                _verdict(each, told),
            ]
        )
        for each in spec.guardrails
        for name, told in inputs.told["effects"][each.name].items()
    ]
    alarms = [
        Row([Cell(each.name), Cell(each.query), Cell(f"{each.at_most:g}", number=True)])
        for each in spec.alarms
    ]
    blocks = [Table(heads, rows)] if rows else []
    if alarms:
        blocks.append(Table([Head("Alarm"), Head("Query"), Head("At most", number=True)], alarms))
    return Section(
        "guardrails", "Guardrails", "They may only roll back; alarms do so within minutes.", blocks
    )


def _plain(told: Told) -> Cell:
    cell = _effect_cell(told, True)
    return Cell(cell.text, cell.range, number=True)


def _verdict(guardrail: Guardrail, told: Told) -> Cell:
    low, high = (np.nan if told[end] is None else told[end] for end in ("low", "high"))
    found = verdict(low, high, margin=guardrail.margin, higher_is_better=guardrail.higher_is_better)
    return Cell(str(found), mark={Verdict.SAFE: "good", Verdict.HARMED: "bad"}.get(found, "even"))


def cohorts_section(inputs: ReportInputs) -> Section:
    """Show the effect on the primary metric in groups of users."""
    if not inputs.cohorts:
        return Section("cohorts", "Cohorts", missing="No cohort has enough users of both sides yet.")
    names = list(dict.fromkeys(each.cohort for each in inputs.cohorts))
    treatments = list(dict.fromkeys(each.treatment for each in inputs.cohorts))
    found = {(each.treatment, each.cohort): each for each in inputs.cohorts}
    series = [(name, [_interval(found.get((name, cohort))) for cohort in names]) for name in treatments[:3]]
    words = "; ".join(f"{each.cohort}: {each.estimate:+.1%}" for each in inputs.cohorts)
    chart = cohorts_chart(names, series, f"Effects by cohort. {words}.", from_zero=False)
    rows = [
        Row(
            [
                Cell(each.cohort),
                Cell(each.treatment),
                Cell(count(each.users), number=True),
                Cell(f"{each.estimate:+.2%}", number=True),
            ]
        )
        for each in inputs.cohorts
    ]
    heads = [Head("Cohort"), Head("Treatment"), Head("Users", number=True), Head("Effect", number=True)]
    lead = (
        f"Effect on {inputs.experiment.spec.primary.name} in each group, pulled towards the common one as far as chance explains "
        f"how the groups differ. {_differ(inputs.cohorts)}"
    )
    return Section(
        "cohorts", "Cohorts", lead, [Figure(chart, "Change against control, %."), Table(heads, rows)]
    )


def _differ(cohorts: Sequence[CohortEffect]) -> str:
    """Say whether groups of one kind differ more than chance lets them."""
    least = min(each.differ_p_value for each in cohorts)
    return f"That groups of a kind have one and the same effect has a p-value of {least:.2g} or more."


def holdout_section(inputs: ReportInputs) -> Section:
    """Show what not being held out did, from the experiment's beginning to its end."""
    told, better = inputs.told["holdout"], _higher_is_better(inputs.experiment.spec)
    rows = [
        Row([Cell(metric), _effect_cell(each, better[metric])]) for metric, each in told["effects"].items()
    ]
    held_out, others = told["users"].values()
    lead = f"{count(held_out)} listeners were held out of experiments, {count(others)} were not. This decides nothing."
    heads = [Head("Metric"), Head("Not held out against held out", number=True)]
    return Section("holdout", "Holdout", lead, [Table(heads, rows)])


def _interval(told: CohortEffect | None) -> Interval:
    if told is None:
        return Interval(np.nan, np.nan, np.nan)
    return Interval(100 * told.estimate, 100 * told.low, 100 * told.high)
