"""The table of the next track judges the radio by its ratio to session-kNN and Markov chains."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import next_track
from benchmarks.harness import Result
from crossfade.evaluation.next_track import next_track_metrics
from tests.evaluation import worlds

MOMENTS = 300
SESSIONS = np.repeat(np.arange(100), 3)
REPEATED = np.arange(MOMENTS) % 4 == 0
KNOWN = np.arange(MOMENTS) % 2 == 0


class _Moments(SimpleNamespace):
    def __len__(self) -> int:
        return MOMENTS


def _found(reached: float) -> Result:
    """The radio places every track at `reached`, session-kNN and Markov those of half of the moments at 1/2."""
    peer = np.where(np.arange(MOMENTS) % 4 < 2, 0.5, 0.0)
    ranks = {"session_knn": peer, "markov": peer, "radio": np.full(MOMENTS, reached)}
    judged = {name: next_track_metrics(values, KNOWN) for name, values in ranks.items()}
    moments = _Moments(sessions=SESSIONS, num_eligible=120, is_repeat=lambda: REPEATED)
    chosen = {"session_knn": "neighbours=50", "markov": "window=1"}
    return next_track._result(judged, chosen, moments, worlds.settings(), quick=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(("reached", "ratio", "holds"), [(0.5, 2.0, True), (0.25, 1.0, False)])
def test_the_ratios_are_judged(reached: float, ratio: float, holds: bool) -> None:
    found = _found(reached)
    for peer in ("session_knn", "markov"):
        for metric in ("mrr", "mrr_known"):
            assert found.bars[f"radio_over_{peer}_{metric}"].value == pytest.approx(ratio)
            assert found.bars[f"radio_over_{peer}_{metric}"].holds is holds
        # A hit is a hit at any place, so this ratio is 2 both times.
        assert found.bars[f"radio_over_{peer}_hit_rate"].value == pytest.approx(2.0)
    assert {bar.at_least for bar in found.bars.values()} == {1.1}
    assert len(found.bars) == 8
    assert found.figures["known_share"] == 0.5
    assert found.figures["repeat_share"] == 0.25
    assert (found.figures["sessions"], found.figures["moments"]) == (100, 300)


def test_the_table_has_means_intervals_and_parameters() -> None:
    lines = _found(0.5).notes
    row = next(line for line in lines if line.startswith("radio "))
    assert "1.0000 [1.0000, 1.0000]  0.5000 [0.5000, 0.5000]" in row
    assert next(line for line in lines if line.startswith("session_knn ")).endswith("neighbours=50")
    assert any(line.startswith("radio and markov, mrr: +0.2500 [+0.") for line in lines)
