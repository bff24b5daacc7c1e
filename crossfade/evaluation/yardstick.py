"""Systems measured alike on one truth: per user, at several list lengths, over several seeds of training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np

from crossfade.evaluation.bootstrap import Interval, intervals, ratios
from crossfade.evaluation.evaluate import Recommend, slates_of
from crossfade.evaluation.evaluation import Resampling
from crossfade.evaluation.json_files import as_json
from crossfade.evaluation.membership import locate
from crossfade.evaluation.metrics import accuracy, reciprocal_rank
from crossfade.evaluation.permutation import paired_p_values
from crossfade.evaluation.popularity import Doubles
from crossfade.evaluation.truth import Truth

METRICS: Final = ("recall", "ndcg", "hit_rate", "mrr", "precision")

PerUser = Mapping[str, Doubles]


class Comparison(NamedTuple):
    """A system against another one on the same users: difference and ratio of means, and a two-sided p-value."""

    difference: Interval
    ratio: Interval
    p_value: float

    def as_json(self) -> dict[str, Any]:
        """Return a JSON-able object, None for NaN."""
        return {
            "difference": as_json(self.difference),
            "ratio": as_json(self.ratio),
            "p_value": self.p_value,
        }


def at(metric: str, k: int) -> str:
    """Return the name of a metric at a list length, for example `ndcg@30`."""
    return f"{metric}@{k}"


def measure(recommend: Recommend, truth: Truth, ks: Sequence[int]) -> dict[str, Doubles]:
    """Ask a system once for its longest lists, all tracks ranked and known ones masked, and judge them at every k.

    Args:
        recommend: (queries, k) -> rows [n, k] best first, padded with -1, and scores.
        truth: n test users.
        ks: List lengths.

    Returns:
        `metric@k` -> [n] float64.
    """
    slates = slates_of(recommend, truth.queries, max(ks))
    hits = locate(truth.offsets, truth.track_rows, slates) >= 0
    num_relevant = np.diff(truth.offsets)
    found: dict[str, Doubles] = {}
    for k in ks:
        values = accuracy(hits[:, :k], num_relevant) | {"mrr": reciprocal_rank(hits[:, :k])}
        found |= {at(metric, k): values[metric] for metric in METRICS}
    return found


@dataclass(frozen=True)
class Yardstick:
    """Several systems on the same n users.

    Args:
        runs: System -> one run for each seed of training (one alone where nothing is random), each `metric@k` -> [n].
        ks: List lengths, the headline first.
        rivals: The systems that count as peers: the best of them by NDCG is compared with.
        resampling: How intervals are drawn.
    """

    runs: Mapping[str, Sequence[PerUser]]
    ks: Sequence[int]
    rivals: Sequence[str]
    resampling: Resampling

    @property
    def headline(self) -> str:
        """The metric by which the best peer is chosen."""
        return at("ndcg", self.ks[0])

    @cached_property
    def systems(self) -> dict[str, PerUser]:
        """System -> `metric@k` -> [n], averaged over seeds."""
        return {
            name: {metric: np.mean([run[metric] for run in runs], axis=0) for metric in runs[0]}
            for name, runs in self.runs.items()
        }

    @cached_property
    def summary(self) -> dict[str, dict[str, Interval]]:
        """System -> `metric@k` -> mean and interval over users, of the average over seeds."""
        columns = [values for metrics in self.systems.values() for values in metrics.values()]
        found = iter(intervals(np.stack(columns, axis=1), **vars(self.resampling)))
        return {name: {metric: next(found) for metric in metrics} for name, metrics in self.systems.items()}

    def spread(self, system: str, metric: str) -> float | None:
        """Return the standard deviation of the mean over seeds, None with one seed."""
        means = self.means(system, metric)
        return float(np.std(means, ddof=1)) if len(means) > 1 else None

    def means(self, system: str, metric: str) -> list[float]:
        """Return the mean over users for each seed."""
        return [float(run[metric].mean()) for run in self.runs[system]]

    @cached_property
    def best_rival(self) -> str:
        """The peer of the best headline; chosen on the test users themselves, which favours it."""
        return max(self.rivals, key=lambda name: self.summary[name][self.headline].mean)

    def against(self, system: str, other: str) -> dict[str, Comparison]:
        """Compare two systems user by user; `metric@k` -> comparison."""
        ours, theirs = self.systems[system], self.systems[other]
        columns, others = (np.stack(list(each.values()), axis=1) for each in (ours, theirs))
        gaps = intervals(columns - others, **vars(self.resampling))
        shares = ratios(columns, others, **vars(self.resampling))
        p_values = paired_p_values(columns - others, self.resampling.seed).tolist()
        found = zip(gaps, shares, p_values, strict=True)
        return dict(zip(ours, (Comparison(*each) for each in found), strict=True))

    def as_json(self) -> dict[str, Any]:
        """Return means, intervals, spreads and comparisons as a JSON-able object, None for NaN."""
        return {
            "ks": list(self.ks),
            "best_peer": self.best_rival,
            "systems": {
                name: {
                    metric: {
                        "interval": as_json(interval),
                        "by_seed": self.means(name, metric),
                        "spread": self.spread(name, metric),
                    }
                    for metric, interval in metrics.items()
                }
                for name, metrics in self.summary.items()
            },
            "minus_best_peer": {
                name: {
                    metric: found.as_json() for metric, found in self.against(name, self.best_rival).items()
                }
                for name in self.systems
                if name != self.best_rival
            },
        }
