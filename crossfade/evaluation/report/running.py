"""Sections on what a run read and did: data, validation, training, timings."""

from crossfade.evaluation.report.blocks import (
    Cell,
    Figure,
    Head,
    Row,
    Section,
    Table,
    count,
    duration,
    number_cell,
)
from crossfade.evaluation.report.charts import bars_chart, curves_chart
from crossfade.evaluation.report.inputs import ReportInputs

MIB = 1 << 20


def data_section(inputs: ReportInputs) -> Section:
    """Show rows of every lake table; in = kept + quarantined + duplicates."""
    title = "Data"
    if not inputs.volumes:
        return Section("data", title, missing="No counts of the lake were handed to this report.")
    heads = ["Rows in", "Kept", "Quarantined", "Duplicates"]
    rows = [
        Row([Cell(v.table), *map(number_cell, (v.rows_in, v.kept, v.quarantined, v.duplicates))])
        for v in inputs.volumes
    ]
    table = Table([Head("Table"), *(Head(text, number=True) for text in heads)], rows)
    total, lost = sum(v.rows_in for v in inputs.volumes), sum(v.quarantined for v in inputs.volumes)
    lead = f"{count(total)} rows came in; {count(lost)} are in quarantine with their reason."
    balanced = all(v.rows_in == v.kept + v.quarantined + v.duplicates for v in inputs.volumes)
    return Section(
        "data", title, f"{lead} {'All counts add up.' if balanced else 'Some counts do not add up.'}", [table]
    )


def validation_section(inputs: ReportInputs) -> Section:
    """Show the expectations, failed ones first and the rest folded."""
    title = "Validation"
    if not inputs.expectations:
        return Section("validation", title, missing="No validation result was handed to this report.")
    failed = [e for e in inputs.expectations if not e.holds]
    passed = [e for e in inputs.expectations if e.holds]
    heads = [Head("Table"), Head("Expected"), Head("Found"), Head("Result")]
    blocks = []
    for expectations, folded in ((failed, ""), (passed, f"Show the {count(len(passed))} that hold")):
        rows = [
            Row([Cell(e.table), Cell(e.asked), Cell(e.found), Cell(*_result(holds=e.holds))])
            for e in expectations
        ]
        if rows:
            blocks.append(Table(heads, rows, folded=folded))
    lead = f"{count(len(passed))} of {count(len(inputs.expectations))} expectations hold."
    return Section("validation", title, lead, blocks)


def _result(*, holds: bool) -> tuple[str, str, str]:
    return ("holds", "", "good") if holds else ("broken", "", "bad")


def training_section(inputs: ReportInputs) -> Section:
    """Show training curves."""
    curves = [curve for curve in inputs.curves if len(curve.values)]
    if not curves:
        return Section("training", "Training", missing="No training curves were handed to this report.")
    names = ", ".join(curve.title for curve in curves)
    chart = curves_chart(
        [(curve.title, curve.values, curve.steps, curve.chosen) for curve in curves],
        f"Training curves: {names}.",
    )
    chosen = any(curve.chosen is not None for curve in curves)
    lead = "What was kept by early stopping is marked." if chosen else ""
    return Section("training", "Training", lead, [Figure(chart)])


def timings_section(inputs: ReportInputs) -> Section:
    """Show what each step took."""
    if not inputs.steps:
        return Section("timings", "Timings", missing="No timings were handed to this report.")
    bars = [
        (step.name, step.seconds, f"{duration(step.seconds)}{_memory(step.peak_bytes)}{_status(step.status)}")
        for step in inputs.steps
    ]
    total = duration(sum(step.seconds for step in inputs.steps))
    chart = bars_chart(bars, "Seconds of each step: " + ", ".join(f"{name} {text}" for name, _, text in bars))
    return Section("timings", "Timings", f"All steps together took {total}.", [Figure(chart)])


def _memory(peak_bytes: int) -> str:
    return f", {count(round(peak_bytes / MIB))} MiB" if peak_bytes else ""


def _status(status: str) -> str:
    return "" if status == "finished" else f", {status}"
