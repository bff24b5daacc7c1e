"""The rules that a challenger must pass before it may be published: a pure function of two evaluations.

Against a champion, on the same users:
- every accuracy metric (recall, NDCG, hit rate, precision) may be worse on the mean by
  `gate.metric_margin` of the champion's value, every other metric with a direction (calibration error) by
  `gate.guardrail_margin`;
- in every cohort of at least `gate.min_cohort_users` users (for tracks: users with such a relevant track)
  it may be worse by `gate.cohort_margin`. A better mean does not excuse a worse cohort. Cohorts are many
  and small, so there a loss beyond the margin must also be more than chance: the paired bootstrap
  interval lies wholly on the worse side;
- a metric that one side lacks, or that is NaN for users for whom the other side has it, refuses.

Equal values hold: a model trained on newer listening may replace an equal one. A model is never compared
with itself: equal digests, of the bundles or of the models in them, are `unchanged`, and evaluations without a
digest refuse.

Where there is a champion but none of its family can be judged on the test period, nothing is compared and the
challenger is refused.

A first model (no champion) must be better than popularity on mean NDCG and reach `gate.min_recall`. The
interval is shown but does not decide: the first model replaces nothing, and with few test users an
interval would refuse sound models.
"""

from collections.abc import Iterator

import numpy as np

from crossfade.evaluation.bootstrap import Interval
from crossfade.evaluation.cohorts import TRACK_COHORTS
from crossfade.evaluation.decision import Check, Decision, Outcome, Verdict
from crossfade.evaluation.evaluation import EVERYONE, Evaluation, paired, require_same_users
from crossfade.evaluation.metrics import ACCURACY, DESCRIPTIVE, HIGHER, LOWER, direction
from crossfade.evaluation.popularity import Bools, Doubles
from crossfade.schema.settings import GateSettings

ROUNDING = 1e-12  # differences up to this are the arithmetic's, not the model's

_Sides = tuple[Doubles | None, Doubles | None, Bools]


def decide(
    challenger: Evaluation,
    champion: Evaluation | None,
    popularity: Evaluation,
    gate: GateSettings,
    *,
    reigning: str = "",
) -> Decision:
    """Decide whether the challenger may be published.

    Args:
        challenger: Its evaluation.
        champion: Of the bundle that stands for the champion, on the same users; None where there is none.
        popularity: Of the popularity baseline, on the same users.
        gate: Margins.
        reigning: Digest of the champion, empty for the first model.

    Raises:
        InputError: The evaluations are not of the same users, tracks and k.
    """
    against = "" if champion is None else champion.bundle

    def decided(outcome: Outcome, reasons: list[str], checks: list[Check]) -> Decision:
        return Decision(outcome, reasons, checks, challenger.bundle, against, reigning)

    if not challenger.bundle or (champion is not None and not champion.bundle):
        reason = "An evaluation names no bundle, so nothing shows that two different models are compared."
        return decided(Outcome.REFUSE, [reason], [])
    if champion is not None and challenger.bundle == champion.bundle:
        reason = f"Challenger and champion are the same bundle {against}; there is nothing to compare."
        return decided(Outcome.UNCHANGED, [reason], [])
    if champion is not None and challenger.model and challenger.model == champion.model:
        reason = f"Challenger {challenger.bundle} and champion {against} hold the same model; there is nothing to compare."
        return decided(Outcome.UNCHANGED, [reason], [])
    if champion is None and reigning:
        return decided(Outcome.REFUSE, [_not_comparable(reigning)], [])
    checks = (
        _first(challenger, popularity, gate) if champion is None else _against(champion, challenger, gate)
    )
    failed = [check for check in checks if check.refuses]
    if failed:
        return decided(Outcome.REFUSE, [_sentence(check) for check in failed], checks)
    return decided(Outcome.PROMOTE, [_passed(checks, is_first=champion is None)], checks)


def _first(challenger: Evaluation, popularity: Evaluation, gate: GateSettings) -> list[Check]:
    require_same_users(challenger, popularity)
    users = len(challenger)
    mine, theirs = _whole_mean(challenger, "ndcg"), _whole_mean(popularity, "ndcg")
    beats = Check("ndcg", EVERYONE, users, Verdict.MISSING)
    if mine is not None and theirs is not None:
        gap = paired(challenger, popularity)[EVERYONE]["ndcg"]
        verdict = Verdict.HOLDS if gap.mean > ROUNDING else Verdict.WORSE
        beats = Check("ndcg", EVERYONE, users, verdict, mine, theirs, *gap)
    recall, floor = _whole_mean(challenger, "recall"), gate.min_recall
    reaches = Check("recall", EVERYONE, users, Verdict.MISSING, reference=floor)
    if recall is not None:
        verdict = Verdict.HOLDS if recall >= floor - ROUNDING else Verdict.WORSE
        reaches = Check("recall", EVERYONE, users, verdict, recall, floor, recall - floor)
    return [beats, reaches]


def _against(champion: Evaluation, challenger: Evaluation, gate: GateSettings) -> list[Check]:
    require_same_users(challenger, champion)
    gaps = paired(challenger, champion)
    checks = []
    for metric in _judged(challenger, champion):
        mine, theirs = challenger.metrics.get(metric), champion.metrics.get(metric)
        for cohort, members in _groups(metric, champion):
            gap = gaps[EVERYONE if cohort in TRACK_COHORTS else cohort].get(metric)
            checks.append(_compare(metric, cohort, (mine, theirs, members), gap, gate))
    return checks


def _judged(challenger: Evaluation, champion: Evaluation) -> list[str]:
    """Return the metrics to compare: those of accuracy, and whatever else has a direction on either side."""
    names = dict.fromkeys([*ACCURACY, *champion.metrics, *challenger.metrics])
    return [name for name in names if direction(name) != DESCRIPTIVE]


def _groups(metric: str, champion: Evaluation) -> Iterator[tuple[str, Bools]]:
    """Yield the cohorts in which a metric is compared; recall of a track cohort is one by itself."""
    of_tracks = metric.removeprefix("recall_")
    if of_tracks in TRACK_COHORTS:
        yield of_tracks, champion.groups[EVERYONE]
    else:
        yield from champion.groups.items()


def _compare(metric: str, cohort: str, sides: _Sides, gap: Interval | None, gate: GateSettings) -> Check:
    mine, theirs, members = sides
    if mine is None or theirs is None or gap is None:
        return Check(metric, cohort, int(members.sum()), Verdict.MISSING)
    has_mine, has_theirs = np.isfinite(mine) & members, np.isfinite(theirs) & members
    both = has_mine & has_theirs
    users = int(both.sum())
    uneven = direction(metric) == HIGHER and not np.array_equal(has_mine, has_theirs)
    if uneven or (not users and has_mine.any() != has_theirs.any()):
        return Check(metric, cohort, users, Verdict.MISSING)
    if not users:
        return Check(metric, cohort, users, Verdict.UNDEFINED)
    means = (float(mine[both].mean()), float(theirs[both].mean()))
    margin = _share(metric, cohort, gate) * abs(means[1])
    verdict = _verdict(metric, cohort, gap, margin=margin, enough=users >= gate.min_cohort_users)
    return Check(metric, cohort, users, verdict, *means, *gap, margin)


def _verdict(metric: str, cohort: str, gap: Interval, *, margin: float, enough: bool) -> Verdict:
    if cohort != EVERYONE and not enough:
        return Verdict.SMALL
    sign = direction(metric)
    if sign * gap.mean >= -margin - ROUNDING:
        return Verdict.HOLDS
    surely_worse = gap.high < 0 if sign == HIGHER else gap.low > 0
    return Verdict.WORSE if cohort == EVERYONE or surely_worse else Verdict.CHANCE


def _share(metric: str, cohort: str, gate: GateSettings) -> float:
    if cohort != EVERYONE:
        return gate.cohort_margin
    return gate.metric_margin if metric in ACCURACY else gate.guardrail_margin


def _whole_mean(side: Evaluation, metric: str) -> float | None:
    """Return the mean over all users, None when the metric is missing for any of them."""
    values = side.metrics.get(metric)
    if values is None or not len(values) or not np.isfinite(values).all():
        return None
    return float(values.mean())


def _not_comparable(reigning: str) -> str:
    return (
        f"Champion {reigning} cannot be compared with: every bundle of its family that is still in the workspace "
        "knows listening of the test period. Shorten split.test_days so that the test period starts later, import "
        "newer listening, or put the directory of the champion's parent back."
    )


def _sentence(check: Check) -> str:
    place = "all users" if check.cohort == EVERYONE else f"cohort {check.cohort} ({check.users} users)"
    if check.verdict == Verdict.MISSING:
        return f"{check.metric} of {place} is missing or not a number on one side."
    side = "higher" if direction(check.metric) == LOWER else "lower"
    words = f"{side} than {check.reference:.4f} by more than the margin of {check.margin:.4f}"
    if check.difference == 0:
        words = f"no better than {check.reference:.4f}"
    elif not check.margin:
        words = f"{side} than {check.reference:.4f}"
    return f"{check.metric} of {place} is {check.challenger:.4f}, {words}."


def _passed(checks: list[Check], *, is_first: bool) -> str:
    if is_first:
        return "The first model beats popularity on NDCG and reaches the recall that is asked for."
    counts = {verdict: sum(check.verdict == verdict for check in checks) for verdict in Verdict}
    return (
        "No metric is worse than the champion's beyond its margin, on the mean or in a cohort: "
        f"{counts[Verdict.HOLDS]} comparisons hold, {counts[Verdict.CHANCE]} are worse within chance, "
        f"{counts[Verdict.SMALL]} have too few users to decide."
    )
