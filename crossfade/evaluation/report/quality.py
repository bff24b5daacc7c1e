"""Sections on what the recommendations are worth: metrics, cohorts, popularity, playlists, the gate."""

from collections.abc import Sequence
from typing import Final

from crossfade.evaluation.baselines import ARTIST_POPULARITY, POPULARITY
from crossfade.evaluation.cohorts import TRACK_COHORTS
from crossfade.evaluation.decision import Check, Decision, Outcome, Verdict
from crossfade.evaluation.evaluation import EVERYONE, Evaluation, paired
from crossfade.evaluation.report.blocks import (
    NOTHING,
    Block,
    Cell,
    Figure,
    Head,
    PlaylistBlock,
    Row,
    Section,
    Table,
    VerdictBlock,
    count,
    decimal,
    gap_cell,
    mean_cell,
    number_cell,
    span,
)
from crossfade.evaluation.report.charts import Point, cohorts_chart, intervals_chart, spread_chart
from crossfade.evaluation.report.inputs import ReportInputs
from crossfade.evaluation.suite import RECOMMENDER, Suite, label

ACCURACY_NAMES: Final = {"recall": "Recall", "ndcg": "NDCG", "hit_rate": "Hit rate", "precision": "Precision"}
SLATE_NAMES: Final = {
    "coverage": "Coverage",
    "novelty_bits": "Novelty, bits",
    "diversity": "Diversity",
    "calibration_error": "Calibration error",
    "long_tail_share": "Long tail",
    "new_artist_share": "New artists",
    "exposure_gini": "Exposure Gini",
}
MOST_REASONS: Final = 6
NO_SUITE: Final = "No evaluation was handed to this report."


def metrics_section(inputs: ReportInputs) -> Section:
    """Show the accuracy of every system with intervals, and the paired differences to the recommender."""
    if inputs.suite is None:
        return Section("metrics", "Accuracy", missing=NO_SUITE)
    suite, k = inputs.suite, inputs.suite.recommender.k
    panels = [
        (
            f"{ACCURACY_NAMES[metric]}@{k}",
            [_point(name, system, metric) for name, system in suite.systems.items()],
        )
        for metric in ("recall", "ndcg")
    ]
    words = ", ".join(f"{label(name)} {_mean(system, 'ndcg')}" for name, system in suite.systems.items())
    chart = Figure(intervals_chart(panels, f"Recall and NDCG at {k} with intervals. NDCG: {words}."))
    lead = (
        f"{count(len(suite.recommender))} test users, each judged on the tracks that they came to like after "
        f"training ended and had not heard before. All {count(suite.about['num_tracks'])} tracks are ranked; "
        "heard ones are masked for every system."
    )
    table = _table(suite, ACCURACY_NAMES, f"Means over users at k = {k}, with their bootstrap intervals.")
    return Section("metrics", "Accuracy", lead, [chart, table, _gaps(suite)])


def _point(name: str, system: Evaluation, metric: str) -> Point:
    return Point(label(name), system.summary[EVERYONE][metric], name == RECOMMENDER)


def _mean(system: Evaluation, metric: str) -> str:
    return decimal(system.summary[EVERYONE][metric].mean)


def _table(suite: Suite, names: dict[str, str], caption: str) -> Table:
    rows = [
        Row(
            [Cell(label(name)), *(mean_cell(system.summary[EVERYONE].get(metric)) for metric in names)],
            name == RECOMMENDER,
        )
        for name, system in suite.systems.items()
    ]
    return Table([Head("System"), *(Head(text, number=True) for text in names.values())], rows, caption)


def _gaps(suite: Suite) -> Table:
    rows = []
    for name, system in suite.systems.items():
        if name != RECOMMENDER:
            gaps = paired(suite.recommender, system)[EVERYONE]
            rows.append(
                Row([Cell(f"minus {label(name)}"), *(gap_cell(gaps[metric]) for metric in ACCURACY_NAMES)])
            )
    heads = [Head("Whole recommender"), *(Head(text, number=True) for text in ACCURACY_NAMES.values())]
    caption = "Paired differences on the same users; green where the whole interval is above zero."
    return Table(heads, rows, caption)


def cohorts_section(inputs: ReportInputs) -> Section:
    """Show NDCG by group of users and recall by group of tracks, for the recommender and the baselines."""
    if inputs.suite is None:
        return Section("cohorts", "Cohorts", missing=NO_SUITE)
    suite = inputs.suite
    groups = [EVERYONE, *(name for name, flags in suite.recommender.cohorts.items() if flags.any())]
    shown = [name for name in (RECOMMENDER, ARTIST_POPULARITY, POPULARITY) if name in suite.systems]
    series = [(label(n), [suite.systems[n].summary[g]["ndcg"] for g in groups]) for n in shown]
    sizes = [int(suite.recommender.groups[group].sum()) for group in groups]
    named = [f"{_cohort(group)} ({count(size)})" for group, size in zip(groups, sizes, strict=True)]
    chart = cohorts_chart(named, series, f"NDCG by cohort for {', '.join(map(label, shown))}.")
    caption = f"NDCG@{suite.recommender.k} by group of users; the number of users stands in brackets."
    lead = "A mean can hide a group that is served badly; groups overlap."
    return Section("cohorts", "Cohorts", lead, [Figure(chart, caption), _track_cohorts(suite)])


def _cohort(name: str) -> str:
    return f"country {name.removeprefix('country_')}" if name.startswith("country_") else f"{name} users"


def _track_cohorts(suite: Suite) -> Table:
    names = {f"recall_{group}": f"{group.capitalize()} tracks" for group in TRACK_COHORTS}
    return _table(
        suite,
        names,
        f"Recall@{suite.recommender.k} of cold (never heard before), tail and head tracks alone.",
    )


def exposure_section(inputs: ReportInputs) -> Section:
    """Show how popular and how novel the recommended tracks are, against what people listen to."""
    if inputs.suite is None:
        return Section("exposure", "Popularity and novelty", missing=NO_SUITE)
    suite = inputs.suite
    series = [
        ("Recommended", suite.recommender.shares_by_listeners),
        ("Liked in the test period", suite.listening),
    ]
    if POPULARITY in suite.systems:
        series.append((label(POPULARITY), suite.systems[POPULARITY].shares_by_listeners))
    bins = max(len(shares) for _, shares in series)
    labels = ["none", "1", *(f"{2 ** (b - 1)} to {2**b - 1}" for b in range(2, bins))][:bins]
    padded: list[tuple[str, Sequence[float]]] = [(n, [*s, *[0.0] * (bins - len(s))]) for n, s in series]
    chart = spread_chart(labels, padded, "Share of recommended and of liked tracks by number of listeners.")
    table = _table(
        suite, SLATE_NAMES, "Properties of the slates; they describe, and only calibration error is judged."
    )
    lead = "How the recommended tracks spread over popularity, against what the same users went on to like."
    return Section("exposure", "Popularity and novelty", lead, [Figure(chart), table])


def gate_section(inputs: ReportInputs) -> Section:
    """Show the decision, its reasons and every comparison behind it."""
    decision = inputs.decision
    if decision is None:
        return Section("gate", "Gate", missing="No gate decision was handed to this report.")
    lead = f"Challenger {decision.challenger[:12]} against {_against(decision)}."
    marks = {Outcome.PROMOTE: "good", Outcome.REFUSE: "bad", Outcome.UNCHANGED: ""}
    reasons = decision.reasons[:MOST_REASONS]
    if len(decision.reasons) > MOST_REASONS:
        reasons = [
            *reasons,
            f"... and {count(len(decision.reasons) - MOST_REASONS)} more in the table.",
        ]
    blocks: list[Block] = [VerdictBlock(_outcome(decision), reasons, marks[decision.outcome])]
    failed = [check for check in decision.checks if check.refuses]
    rest = [check for check in decision.checks if not check.refuses]
    if failed:
        blocks.append(_checks(failed, ""))
    if rest:
        blocks.append(_checks(rest, f"Show the {count(len(rest))} comparisons that do not refuse"))
    return Section("gate", "Gate", lead, blocks)


def _against(decision: Decision) -> str:
    if decision.champion:
        return f"champion {decision.champion[:12]}"
    if decision.reigning:
        return f"champion {decision.reigning[:12]}, of which nothing can be compared"
    return "popularity, since there is no champion yet"


def _outcome(decision: Decision) -> str:
    words = {
        Outcome.PROMOTE: "The challenger is promoted.",
        Outcome.REFUSE: "The challenger is refused.",
        Outcome.UNCHANGED: "Nothing changes.",
    }
    return words[decision.outcome]


def _checks(checks: Sequence[Check], folded: str) -> Table:
    heads = ["Users", "Challenger", "Reference", "Difference", "Margin"]
    marks = {Verdict.HOLDS: "good", Verdict.WORSE: "bad", Verdict.MISSING: "bad", Verdict.CHANCE: "even"}
    rows = [
        Row(
            [
                Cell(check.metric),
                Cell(check.cohort),
                number_cell(check.users),
                Cell(decimal(check.challenger), number=True),
                Cell(decimal(check.reference), number=True),
                Cell(_signed(check.difference), span(check.low, check.high, 4), number=True),
                Cell(decimal(check.margin, 4), number=True),
                Cell(check.verdict.value, mark=marks.get(check.verdict, "plain")),
            ]
        )
        for check in checks
    ]
    columns = [Head("Metric"), Head("Cohort"), *(Head(text, number=True) for text in heads), Head("Verdict")]
    return Table(columns, rows, folded=folded)


def _signed(number: float | None) -> str:
    return NOTHING if number is None else f"{number:+.4f}"


def playlists_section(inputs: ReportInputs) -> Section:
    """Show sample playlists with their reasons."""
    if not inputs.playlists:
        return Section("playlists", "Sample playlists", missing="No playlists were handed to this report.")
    blocks = [
        PlaylistBlock(
            playlist.listener,
            f"Played last: {', '.join(playlist.recent)}" if playlist.recent else "Nothing played yet.",
            playlist.places,
        )
        for playlist in inputs.playlists
    ]
    return Section("playlists", "Sample playlists", "What listeners would get, and why.", blocks)
