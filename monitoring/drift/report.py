"""The drift report: lines for a terminal, JSON for machines, and a page with pictures."""

import json
from typing import Final

from crossfade.evaluation.report.blocks import Card, Cell, Figure, Head, Row, Section, Table, decimal
from crossfade.evaluation.report.charts import strays_chart
from crossfade.evaluation.report.page import page
from crossfade.recommender.workspace import Workspace
from crossfade.schema.durable import replace_file
from monitoring.drift.judging import Verdict
from monitoring.drift.measures import OF_CHAMPION, OF_LISTENING
from monitoring.drift.moved import Moved
from monitoring.drift.run import Drift

PANELS: Final = 6
FOOTER: Final = (
    "A score is a distance in standard deviations of days without drift; above the line it is an alarm."
)
MEANINGS: Final = {measure.name: measure.meaning for measure in (*OF_LISTENING, *OF_CHAMPION)}


def write(drift: Drift, workspace: Workspace) -> None:
    """Write `drift.json` and `drift.html`, which needs nothing else, into the workspace.

    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    replace_file(workspace.drift_page, html(drift))
    replace_file(workspace.drift_figures, json.dumps(drift.as_json(), indent=1).encode())


def lines(drift: Drift) -> list[str]:
    """Return the report as people read it in a terminal."""
    since, until = drift.reference
    told = [f"champion {drift.bundle}, reference {since} to {until}{_how(drift)}"]
    verdict = drift.verdict
    if verdict is None:
        return [*told, "no whole day since then: nothing to hold against it yet"]
    told.append(
        f"{verdict.num_series} series on {len(verdict.days)} days until {verdict.days[-1]}; alarm above {verdict.threshold:.1f}"
    )
    if not verdict.moved:
        return [*told, f"no drift on {verdict.days[-1]}"]
    return [*told, *(_line(moved) for moved in verdict.moved)]


def _how(drift: Drift) -> str:
    return "" if drift.is_pinned else " (as it stands now: the versions that the bundle pins are gone)"


def _line(moved: Moved) -> str:
    return (
        f"{moved.measure} of {_whom(moved)} since {moved.since}: {moved.kind} distance {moved.distance:.3f}, score "
        f"{moved.score:.1f}; {_what(moved)}"
    )


def _whom(moved: Moved) -> str:
    """Return the group, and of everybody how far each cohort moved."""
    cohorts = ", ".join(f"{name} {distance:.3f}" for name, distance in moved.by_cohort.items())
    return f"{moved.group} ({cohorts})" if cohorts else moved.group


def _what(moved: Moved) -> str:
    if not moved.bins:
        return "vectors point elsewhere"
    parts = [
        f"{name} {_value(before)} -> {_value(now)}" for name, (before, now) in list(moved.bins.items())[:3]
    ]
    return ", ".join(parts)


def _value(number: float) -> str:
    return f"{number:,.0f}" if number > 1 else f"{number:.3f}"


def html(drift: Drift) -> bytes:
    """Return the page."""
    facts = {
        "Champion": drift.bundle,
        "Reference": " to ".join(drift.reference),
        "Newest event": drift.newest_event,
        "Checked": drift.checked_at,
    }
    verdict = drift.verdict
    if verdict is None:
        nothing = Section("moved", "What moved", missing="No whole day has passed since the reference.")
        return page("Drift", facts, [], [nothing], footnote=FOOTER)
    sections = [_moved_section(verdict), _days_section(verdict), _all_section(verdict)]
    return page("Drift", facts, _cards(verdict), sections, footnote=FOOTER)


def _cards(verdict: Verdict) -> list[Card]:
    names = {moved.measure for moved in verdict.moved}
    return [
        Card("Last day", "Drift" if names else "Quiet", verdict.days[-1]),
        Card("Measures moved", str(len(names)), f"of {len(verdict.ratios())}"),
        Card(
            "Days with an alarm", str(sum(number > 0 for number in verdict.alarms)), f"of {len(verdict.days)}"
        ),
    ]


def _moved_section(verdict: Verdict) -> Section:
    title = "What moved"
    if not verdict.moved:
        return Section("moved", title, missing="Nothing that is looked at has drifted on the last day.")
    heads = [Head("Measure"), Head("For whom"), Head("Since"), Head("What changed")]
    numbers = [Head(name, number=True) for name in ("Distance", "Score", "PSI", "Wasserstein")]
    rows = [
        Row(
            [
                Cell(f"{moved.measure}: {MEANINGS.get(moved.measure, 'a ranking feature')}"),
                Cell(_whom(moved)),
                Cell(moved.since),
                Cell(_what(moved)),
                *(Cell(decimal(each), number=True) for each in _figures(moved)),
            ]
        )
        for moved in verdict.moved
    ]
    lead = (
        "The furthest first, of everybody with the distance of each cohort. Distances are Jensen-Shannon's of mixes, "
        "Kolmogorov-Smirnov's of numbers, Cohen's h of rates; PSI and Wasserstein's (in bins) are for comparison."
    )
    return Section("moved", title, lead, [Table([*heads, *numbers], rows)])


def _figures(moved: Moved) -> tuple[float | None, ...]:
    return moved.distance, moved.score, moved.psi, moved.wasserstein


def _days_section(verdict: Verdict) -> Section:
    first = [f"{moved.measure}, {moved.group}" for moved in verdict.moved]
    rest = sorted(verdict.scores, key=lambda key: -_last(verdict.scores[key]))
    chosen = list(dict.fromkeys([*first, *rest]))[:PANELS]
    panels = [(name, verdict.scores[name]) for name in chosen]
    days = [day[5:] for day in verdict.days]
    described = f"Scores by day of {'; '.join(chosen)}."
    chart = strays_chart(panels, days, verdict.threshold, described)
    return Section(
        "days", "Day by day", "Scores of what strayed furthest, and the line of an alarm.", [Figure(chart)]
    )


def _last(scores: list[float]) -> float:
    return scores[-1] if scores[-1] == scores[-1] else 0.0  # NaN is not equal to itself


def _all_section(verdict: Verdict) -> Section:
    heads = [Head("Measure and group")]
    heads += [Head(name, number=True) for name in ("Distance", "Most without drift", "Score")]
    rows = [
        Row(
            [
                Cell(name),
                *(
                    Cell(decimal(each), number=True)
                    for each in (
                        verdict.distances[name][-1],
                        verdict.without_drift[name],
                        verdict.scores[name][-1],
                    )
                ),
            ]
        )
        for name in sorted(verdict.scores)
    ]
    table = Table(heads, rows, folded=f"Show all {len(rows)}")
    return Section(
        "all", "All series", "Distances of the last day from the nearest weekday of the reference.", [table]
    )
