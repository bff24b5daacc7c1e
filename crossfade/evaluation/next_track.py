"""The next track in a session: where each system places what was played next, over the whole catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from crossfade.evaluation.bootstrap import Interval, percentiles, resampled
from crossfade.evaluation.evaluate import BATCH_USERS, Recommend
from crossfade.evaluation.evaluation import Resampling
from crossfade.evaluation.popularity import Bools, Doubles
from crossfade.features.interactions import Int64s
from crossfade.features.next_tracks import NextTracks


def reciprocal_ranks(recommend: Recommend, moments: NextTracks, k: int) -> Doubles:
    """Ask a system at every moment; nothing is masked.

    Args:
        recommend: (queries, k) -> rows [b, k] best first, padded with -1, and scores.
        moments: n of them.
        k: Length of the lists.

    Returns:
        [n] float64: 1 / place of what came next, 0 where it is not among the k.
    """
    found = [np.zeros(0)]
    for first, stop in pairwise([*range(0, len(moments), BATCH_USERS), len(moments)]):
        rows = recommend(moments.queries(first, stop), k)[0][:, :k]
        hits = rows == moments.track_rows[first:stop, None]
        found.append(np.where(hits.any(axis=1), 1 / (hits.argmax(axis=1) + 1), 0.0))
    return np.concatenate(found)


def next_track_metrics(ranks: Doubles, is_known: Bools) -> dict[str, Doubles]:
    """Return hit rate and mean reciprocal rank by moment, over all and over known tracks alone.

    A catalogue that was made from the listens themselves holds tracks that nobody heard before the period only
    because they were heard in it. To recommend any of them is then half the answer, so what counts as skill is
    the part over known tracks.

    Args:
        ranks: [n] float64 reciprocal ranks.
        is_known: [n] bool, whether anybody had heard the track before the period.

    Returns:
        Metric -> [n] float64; `*_known` is NaN where the track was not known.
    """
    metrics = {"hit_rate": (ranks > 0).astype(np.float64), "mrr": ranks}
    known = {f"{name}_known": np.where(is_known, values, np.nan) for name, values in metrics.items()}
    return metrics | known


@dataclass(frozen=True)
class OverSessions:
    """Means over moments, with bootstrap intervals over sessions: moments of one session are not independent.

    Args:
        sessions: [n] int64, the session of each moment, numbered from 0.
        resampling: How intervals are drawn.
    """

    sessions: Int64s
    resampling: Resampling

    def mean(self, values: Doubles) -> Interval:
        """Return the mean of values [n], or of the paired differences of two systems, where they are not NaN."""
        return self._interval(float(_mean(values)), self._resampled(values))

    def ratio(self, values: Doubles, others: Doubles) -> Interval:
        """Return mean(values) / mean(others), both of [n] and of the same resamples; NaN by a mean of 0."""
        drawn = _divided(self._resampled(values), self._resampled(others))
        return self._interval(float(_divided(_mean(values), _mean(others))), drawn)

    def _resampled(self, values: Doubles) -> Doubles:
        """Return [samples] means over the moments of drawn sessions."""
        defined = np.isfinite(values)
        sums = np.bincount(self.sessions, np.where(defined, values, 0.0))
        sizes = np.bincount(self.sessions, defined)
        weights = resampled(len(sums), self.resampling.samples, self.resampling.seed)
        return np.concatenate([_divided(block @ sums, block @ sizes) for block in weights])

    def _interval(self, value: float, drawn: Doubles) -> Interval:
        usable = np.array([np.isfinite(drawn).any()])
        low, high = percentiles(drawn[:, None], usable, self.resampling.confidence)
        return Interval(value, float(low[0]), float(high[0]))


def paired_by_session(
    ours: Mapping[str, Doubles], theirs: Mapping[str, Doubles], over: OverSessions
) -> dict[str, tuple[Interval, Interval]]:
    """Return metric -> difference and ratio of two systems' means over the same moments."""
    return {
        name: (over.mean(ours[name] - theirs[name]), over.ratio(ours[name], theirs[name])) for name in ours
    }


def _mean(values: Doubles) -> Doubles:
    defined = np.isfinite(values)
    return _divided(values[defined].sum(), defined.sum())


def _divided(values: npt.ArrayLike, others: npt.ArrayLike) -> Doubles:
    by = np.asarray(others, np.float64)
    return np.asarray(np.divide(values, by, out=np.full(by.shape, np.nan), where=by > 0))
