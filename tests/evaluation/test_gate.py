"""The gate on both outcomes, with ties, missing values, small cohorts and a model compared with itself."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from crossfade.evaluation.decision import Check, Decision, Outcome, Verdict
from crossfade.evaluation.evaluation import Evaluation
from crossfade.evaluation.gate import decide
from crossfade.schema.errors import InputError
from crossfade.schema.settings import GateSettings
from tests.evaluation import worlds

GATE = GateSettings(
    metric_margin=0.02, cohort_margin=0.1, guardrail_margin=0.1, min_cohort_users=50, min_recall=0.0
)
USERS = 400
BASE = np.random.default_rng(0).uniform(0.2, 0.6, USERS)
NICHE = np.arange(USERS) < 80
NAN = float("nan")


def _judged(
    bundle: str, values: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]], **others: object
) -> Evaluation:
    """All accuracy metrics alike; `others` are further metric columns."""
    metrics = dict.fromkeys(("recall", "ndcg", "hit_rate", "precision"), values) | others
    tiny = np.arange(USERS) >= USERS - 20
    return worlds.evaluation(bundle, metrics, bundle=bundle, cohorts={"niche": NICHE, "tiny": tiny})  # type: ignore[arg-type]


CHAMPION = _judged("champion", BASE)
POPULARITY = worlds.evaluation("popularity", {"ndcg": BASE - 0.1, "recall": BASE - 0.1})


def _check(decision: Decision, metric: str, cohort: str) -> Check:
    return next(check for check in decision.checks if (check.metric, check.cohort) == (metric, cohort))


@pytest.mark.parametrize(
    ("factor", "outcome"),
    [
        (1.3, Outcome.PROMOTE),
        (1.0, Outcome.PROMOTE),
        (0.981, Outcome.PROMOTE),
        (0.979, Outcome.REFUSE),
        (0.5, Outcome.REFUSE),
    ],
)
def test_the_mean_may_fall_by_its_margin_only(factor: float, outcome: Outcome) -> None:
    decision = decide(_judged("challenger", BASE * factor), CHAMPION, POPULARITY, GATE)
    assert decision.outcome == outcome
    assert (decision.challenger, decision.champion) == ("challenger", "champion")
    check = _check(decision, "recall", "all")
    assert check.difference == pytest.approx((factor - 1) * BASE.mean())
    assert check.margin == pytest.approx(0.02 * BASE.mean())


def test_a_fall_of_exactly_the_margin_holds() -> None:
    even = np.full(USERS, 0.5)
    decision = decide(_judged("challenger", even * 0.98), _judged("champion", even), POPULARITY, GATE)
    assert decision.outcome == Outcome.PROMOTE


def test_a_better_mean_does_not_excuse_a_worse_cohort() -> None:
    values = np.where(NICHE, BASE * 0.85, BASE * 1.5)
    decision = decide(_judged("challenger", values), CHAMPION, POPULARITY, GATE)
    assert decision.outcome == Outcome.REFUSE
    assert _check(decision, "recall", "all").verdict == Verdict.HOLDS
    assert _check(decision, "recall", "niche").verdict == Verdict.WORSE
    mine, theirs = BASE[NICHE].mean() * 0.85, BASE[NICHE].mean()
    assert decision.reasons[0] == (
        f"recall of cohort niche (80 users) is {mine:.4f}, lower than {theirs:.4f} by more than "
        f"the margin of {theirs / 10:.4f}."
    )


def test_a_cohort_loss_within_its_margin_holds() -> None:
    values = np.where(NICHE, BASE * 0.91, BASE * 1.5)
    assert decide(_judged("challenger", values), CHAMPION, POPULARITY, GATE).outcome == Outcome.PROMOTE


def test_a_cohort_loss_within_chance_is_shown_but_does_not_refuse() -> None:
    # 80 users: 14 lose their hit and 10 others gain one: worse by over a tenth, yet zero is in the interval.
    before = np.where(NICHE, (np.arange(USERS) < 30).astype(float), 0.5)
    after = before.copy()
    after[:14], after[40:50] = 0.0, 1.0
    after[~NICHE] = 0.6
    decision = decide(_judged("challenger", after), _judged("champion", before), POPULARITY, GATE)
    check = _check(decision, "recall", "niche")
    assert check.verdict == Verdict.CHANCE
    assert check.high is not None
    assert check.high > 0
    assert decision.outcome == Outcome.PROMOTE
    assert "4 are worse within chance" in decision.reasons[0]


def test_a_small_cohort_is_shown_but_does_not_decide() -> None:
    values = BASE * 1.5
    values[-20:] = 0.0
    decision = decide(_judged("challenger", values), CHAMPION, POPULARITY, GATE)
    assert _check(decision, "recall", "tiny").verdict == Verdict.SMALL
    assert decision.outcome == Outcome.PROMOTE
    strict = GATE.model_copy(update={"min_cohort_users": 20})
    assert decide(_judged("challenger", values), CHAMPION, POPULARITY, strict).outcome == Outcome.REFUSE


@pytest.mark.parametrize(
    ("factor", "outcome"), [(0.5, Outcome.PROMOTE), (1.09, Outcome.PROMOTE), (1.11, Outcome.REFUSE)]
)
def test_errors_are_better_when_lower(factor: float, outcome: Outcome) -> None:
    champion = _judged("champion", BASE, calibration_error=BASE)
    challenger = _judged("challenger", BASE * 1.2, calibration_error=BASE * factor)
    decision = decide(challenger, champion, POPULARITY, GATE)
    assert decision.outcome == outcome
    if outcome == Outcome.REFUSE:
        assert decision.reasons[0].startswith("calibration_error of all users is")
        assert "higher than" in decision.reasons[0]


def test_what_only_describes_a_slate_is_not_judged() -> None:
    champion = _judged("champion", BASE, novelty_bits=BASE)
    challenger = _judged("challenger", BASE, novelty_bits=BASE * 0.1)
    decision = decide(challenger, champion, POPULARITY, GATE)
    assert decision.outcome == Outcome.PROMOTE
    assert not any(check.metric == "novelty_bits" for check in decision.checks)


def test_recall_of_a_track_cohort_is_a_cohort_of_its_own() -> None:
    some = np.where(np.arange(USERS) % 2, BASE, NAN)
    champion = _judged("champion", BASE, recall_cold=some)
    decision = decide(_judged("challenger", BASE * 1.2, recall_cold=some * 0.8), champion, POPULARITY, GATE)
    check = _check(decision, "recall_cold", "cold")
    assert (check.users, check.verdict) == (200, Verdict.WORSE)
    assert decision.outcome == Outcome.REFUSE


def test_a_missing_metric_refuses() -> None:
    challenger = _judged("challenger", BASE * 1.5)
    without = {name: values for name, values in challenger.metrics.items() if name != "ndcg"}
    lacking = type(challenger)(**{**vars(challenger), "metrics": without})
    for pair in (
        (lacking, CHAMPION),
        (_judged("challenger", BASE * 2), type(lacking)(**{**vars(lacking), "bundle": "b"})),
    ):
        decision = decide(*pair, POPULARITY, GATE)
        assert decision.outcome == Outcome.REFUSE
        assert decision.reasons[0] == "ndcg of all users is missing or not a number on one side."


@pytest.mark.parametrize("bad", [NAN, float("inf")])
def test_a_value_that_is_not_a_number_refuses_however_good_the_rest(bad: float) -> None:
    values = BASE * 2
    values[7] = bad
    decision = decide(_judged("challenger", values), CHAMPION, POPULARITY, GATE)
    assert decision.outcome == Outcome.REFUSE
    assert "missing or not a number" in decision.reasons[0]
    assert (
        decide(_judged("challenger", BASE * 2), _judged("champion", values), POPULARITY, GATE).outcome
        == Outcome.REFUSE
    )


def test_an_error_that_neither_side_has_is_not_compared() -> None:
    nothing = np.full(USERS, NAN)
    champion = _judged("champion", BASE, calibration_error=nothing)
    decision = decide(_judged("challenger", BASE, calibration_error=nothing), champion, POPULARITY, GATE)
    assert decision.outcome == Outcome.PROMOTE
    assert _check(decision, "calibration_error", "all").verdict == Verdict.UNDEFINED
    lost = decide(
        _judged("challenger", BASE, calibration_error=nothing),
        _judged("champion", BASE, calibration_error=BASE),
        POPULARITY,
        GATE,
    )
    assert lost.outcome == Outcome.REFUSE


def test_a_bundle_is_never_compared_with_itself() -> None:
    itself = _judged("champion", BASE)
    decision = decide(itself, CHAMPION, POPULARITY, GATE)
    assert decision.outcome == Outcome.UNCHANGED
    assert decision.checks == []
    assert "same bundle champion" in decision.reasons[0]
    # The digest decides: another name, other figures, the same bytes.
    renamed = type(itself)(
        **{**vars(_judged("other", BASE * 2)), "bundle": "champion", "system": "challenger"}
    )
    assert decide(renamed, CHAMPION, POPULARITY, GATE).outcome == Outcome.UNCHANGED


@pytest.mark.parametrize(("model", "outcome"), [("same", Outcome.UNCHANGED), ("other", Outcome.PROMOTE)])
def test_a_model_is_never_compared_with_itself_in_another_bundle(model: str, outcome: Outcome) -> None:
    champion, challenger = replace(CHAMPION, model="same"), replace(_judged("again", BASE), model=model)
    decision = decide(challenger, champion, POPULARITY, GATE)
    assert decision.outcome == outcome
    assert ("hold the same model" in decision.reasons[0]) == (outcome == Outcome.UNCHANGED)
    # Evaluations that tell of no model are told apart by their bundles alone.
    assert decide(_judged("again", BASE), CHAMPION, POPULARITY, GATE).outcome == Outcome.PROMOTE


@pytest.mark.parametrize(("challenger", "champion"), [("", "champion"), ("challenger", ""), ("", "")])
def test_without_digests_nothing_is_promoted(challenger: str, champion: str) -> None:
    decision = decide(_judged(challenger, BASE * 2), _judged(champion, BASE), POPULARITY, GATE)
    assert decision.outcome == Outcome.REFUSE
    assert "names no bundle" in decision.reasons[0]
    assert decide(_judged("", BASE), None, POPULARITY, GATE).outcome == Outcome.REFUSE


def test_other_users_are_an_error() -> None:
    other = worlds.evaluation("other", {"recall": BASE}, bundle="b", rows=range(1, USERS + 1))
    with pytest.raises(InputError, match="were not evaluated on the same users"):
        decide(_judged("challenger", BASE), other, POPULARITY, GATE)
    with pytest.raises(InputError, match="were not evaluated on the same users"):
        decide(other, None, POPULARITY, GATE)


@pytest.mark.parametrize(
    ("gain", "outcome"), [(0.01, Outcome.PROMOTE), (0.0, Outcome.REFUSE), (-0.01, Outcome.REFUSE)]
)
def test_a_first_model_must_beat_popularity(gain: float, outcome: Outcome) -> None:
    decision = decide(_judged("challenger", BASE - 0.1 + gain), None, POPULARITY, GATE)
    assert decision.outcome == outcome
    assert decision.champion == ""
    if outcome == Outcome.REFUSE:
        value = BASE.mean() - 0.1
        word = "lower" if gain else "no better"
        assert decision.reasons == [f"ndcg of all users is {value + gain:.4f}, {word} than {value:.4f}."]


def test_a_champion_that_cannot_be_compared_stays() -> None:
    decision = decide(_judged("challenger", BASE * 2), None, POPULARITY, GATE, reigning="refit")
    assert (decision.outcome, decision.champion, decision.reigning) == (Outcome.REFUSE, "", "refit")
    assert decision.checks == []
    (reason,) = decision.reasons
    assert reason.startswith("Champion refit cannot be compared with: every bundle of its family")
    assert "Shorten split.test_days" in reason


def test_a_first_model_must_reach_the_recall_asked_for() -> None:
    strict = GATE.model_copy(update={"min_recall": 0.9})
    decision = decide(_judged("challenger", BASE), None, POPULARITY, strict)
    assert decision.outcome == Outcome.REFUSE
    assert decision.reasons == [f"recall of all users is {BASE.mean():.4f}, lower than 0.9000."]
    lenient = GATE.model_copy(update={"min_recall": float(BASE.mean())})
    assert decide(_judged("challenger", BASE), None, POPULARITY, lenient).outcome == Outcome.PROMOTE


@pytest.mark.parametrize("metric", ["ndcg", "recall"])
def test_a_first_model_with_a_missing_value_is_refused(metric: str) -> None:
    broken = BASE.copy()
    broken[0] = NAN
    decision = decide(_judged("challenger", BASE, **{metric: broken}), None, POPULARITY, GATE)
    assert decision.outcome == Outcome.REFUSE
    assert decision.reasons == [f"{metric} of all users is missing or not a number on one side."]


def test_a_decision_comes_back_from_disk(tmp_path) -> None:  # type: ignore[no-untyped-def]
    decision = decide(_judged("challenger", BASE), CHAMPION, POPULARITY, GATE)
    decision.save(tmp_path / "decision.json")
    assert Decision.load(tmp_path / "decision.json") == decision
