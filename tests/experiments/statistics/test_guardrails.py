"""Every verdict, in both directions, at the edge and without a number."""

import pytest

from crossfade.experiments.statistics.guardrails import Verdict, verdict

NAN = float("nan")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.5, 0.5, Verdict.SAFE),
        (-0.99, -0.5, Verdict.SAFE),  # surely worse, but by less than the margin
        (-1.0, 0.5, Verdict.OPEN),  # at the margin is not above it
        (-1.5, -0.5, Verdict.OPEN),
        (-2.0, -1.0, Verdict.OPEN),
        (-3.0, -1.01, Verdict.HARMED),
        (NAN, 1.0, Verdict.OPEN),
        (-9.0, NAN, Verdict.OPEN),
    ],
)
def test_verdicts(low: float, high: float, expected: Verdict) -> None:
    assert verdict(low, high, margin=1.0, higher_is_better=True) == expected
    assert verdict(-high, -low, margin=1.0, higher_is_better=False) == expected
