"""Sections of an experiment's report beyond the decision: quantiles, wear over days, the long term, interleaved slates."""

from collections.abc import Mapping, Sequence
from typing import Any

from crossfade.evaluation.report.blocks import Block, Cell, Figure, Head, Row, Section, Table, count
from crossfade.evaluation.report.charts import EffectCurve, EffectPanel, effects_chart
from crossfade.experiments.report_effects import ReportInputs

Told = Mapping[str, Any]
MISSING = "missing"


def deeper_sections(inputs: ReportInputs) -> list[Section]:
    """Return a section for each part, which says what it lacks where there is nothing to show."""
    parts = {
        "quantiles": ("Quantiles", _quantiles),
        "novelty": ("Novelty", _novelty),
        "long_term": ("Long term", _long_term),
        "interleaving": ("Interleaving", _interleaving),
    }
    return [
        Section(name, title, missing=inputs.deeper[name][MISSING])
        if MISSING in inputs.deeper[name]
        else Section(name, title, *draw(inputs, inputs.deeper[name]))
        for name, (title, draw) in parts.items()
    ]


def _quantiles(_: ReportInputs, told: Told) -> tuple[str, Sequence[Block]]:
    heads = [
        Head("Metric"),
        Head("Treatment"),
        Head("Quantile", number=True),
        Head("Difference", number=True),
    ]
    rows = [
        Row([Cell(metric), Cell(name), Cell(f"{float(quantile):.0%}", number=True), _plain(each, "{:+.4g}")])
        for metric, arms in told.items()
        for name, quantiles in arms.items()
        for quantile, each in quantiles.items()
    ]
    lead = "What a mean hides: treatment minus control at a quantile of users, in the metric's own unit."
    return lead, [Table(heads, rows)]


def _novelty(inputs: ReportInputs, told: Told) -> tuple[str, Sequence[Block]]:
    primary = inputs.experiment.spec.primary.name
    curves = [_curve(name, each["days"]) for name, each in told.items()]
    chart = effects_chart(
        [EffectPanel(primary, curves, None)],
        f"Effect on {primary} by day since first exposure.",
        time="days since first exposure",
    )
    heads = [Head("Treatment"), Head("Days", number=True), Head("Change from day to day", number=True)]
    rows = [
        Row([Cell(name), Cell(count(len(each["days"])), number=True), _plain(each["trend"], "{:+.2%}")])
        for name, each in told.items()
    ]
    lead = (
        f"Effect on {primary} by day since a user was first shown the experiment. A novelty wears off: its effect moves towards "
        "nothing from day to day."
    )
    return lead, [
        Figure(chart, "Change against control, %, with intervals for one look."),
        Table(heads, rows),
    ]


def _curve(name: str, days: Sequence[Told]) -> EffectCurve:
    ends = ([100 * each[end] for each in days] for end in ("estimate", "low", "high"))
    return EffectCurve(name, [day + 1 for day in range(len(days))], *ends)


def _long_term(_: ReportInputs, told: Told) -> tuple[str, Sequence[Block]]:
    heads = [Head("Treatment"), Head("Expected to come back after thirty days", number=True)]
    rows = [Row([Cell(name), _range(each, "{:+.2%}")]) for name, each in told["effects"].items()]
    lead = (
        f"What the first two weeks let expect of coming back after thirty days, learnt from {count(told['users'])} users of "
        f"before; it explains {told['explained']:.0%} of the variance there. Shares of users, treatment minus control."
    )
    return lead, [Table(heads, rows)]


def _interleaving(_: ReportInputs, told: Told) -> tuple[str, Sequence[Block]]:
    heads = [
        Head("Treatment"),
        Head("Users", number=True),
        Head("Prefer it", number=True),
        Head("p", number=True),
    ]
    rows = [
        Row(
            [
                Cell(name),
                Cell(count(each["users"]), number=True),
                Cell(f"{each['prefer']:.1%}", number=True),
                Cell(f"{each['p_value']:.3g}", number=True),
            ]
        )
        for name, each in told.items()
    ]
    lead = "Slates in which both pick in turn: of users who played more of one's picks, the share who did of the treatment's."
    return lead, [Table(heads, rows)]


def _range(told: Told, form: str) -> Cell:
    low, high = told["low"], told["high"]
    mark = "even" if low <= 0 <= high else "good" if low > 0 else "bad"
    return Cell(
        form.format(told["estimate"]), f"{form.format(low)} to {form.format(high)}", mark, number=True
    )


def _plain(told: Told, form: str) -> Cell:
    """Write what is neither good nor bad by itself: a metric may be better when it is lower."""
    cell = _range(told, form)
    return Cell(cell.text, cell.range, number=True)
