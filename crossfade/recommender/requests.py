"""Requests of a batch, as columns; and how strong the listens are that they bring along."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Floats, Int64s, Queries
from crossfade.recommender.onboarding import Picks
from crossfade.schema.ids import NO_ROW, Rows
from crossfade.schema.lake_settings import LakeSettings
from crossfade.schema.tables import Surface

# Without a duration only the share tells how early a skip was; up to 2 % of a track is a skip at once.
EARLY_SHARE = 0.02


@dataclass(frozen=True)
class Requests:
    """n requests for one surface.

    Args:
        queries: n queries, whose histories end with the request's own session and seed (`features.running_sessions`).
        surface: Where the slates appear.
        k: Tracks wanted in each slate.
        seed_rows: [n] int32 track that the slate starts from, -1 without; never in the slate itself.
        excluded_offsets: [n + 1] int64; request i excludes excluded_rows[offsets[i]:offsets[i + 1]].
        excluded_rows: [m] int32 tracks.
        verify_reasons: Show only reasons that were seen to hold, at about ten times the cost; else the likely ones.
        picks: What they picked when signing up; None is nothing.
        rescore_reasons: Show only reasons without whose evidence the track falls behind its rivals as they stand, at a
            fraction of that cost (`rescoring`). Where both are set, reasons are verified.
    """

    queries: Queries
    surface: Surface
    k: int
    seed_rows: Rows
    excluded_offsets: Int64s
    excluded_rows: Rows
    verify_reasons: bool = False
    picks: Picks | None = None
    rescore_reasons: bool = False

    @cached_property
    def taste(self) -> Queries:
        """The queries with their picks in front: what retrieval and ranking read. Only `queries` were heard."""
        return self.queries if self.picks is None else self.picks.before(self.queries)

    def __len__(self) -> int:
        """Return the number of requests."""
        return len(self.queries)

    @classmethod
    def of(
        cls,
        queries: Queries,
        surface: Surface,
        k: int,
        *,
        verify_reasons: bool = False,
        rescore_reasons: bool = False,
    ) -> "Requests":
        """Return requests without seeds and without exclusions of their own."""
        n = len(queries)
        nothing = np.zeros(n + 1, np.int64), np.zeros(0, np.int32)
        seeds = np.full(n, NO_ROW, np.int32)
        return cls(
            queries,
            surface,
            k,
            seeds,
            *nothing,
            verify_reasons=verify_reasons,
            rescore_reasons=rescore_reasons,
        )

    @classmethod
    def of_users(cls, dataset: Dataset, user_rows: Rows, as_of: int, surface: Surface, k: int) -> "Requests":
        """Return requests of users [n] int32 (-1 unknown) as of a moment in UTC seconds."""
        return cls.of(dataset.queries(user_rows, as_of), surface, k)

    def slice(self, start: int, stop: int) -> "Requests":
        """Return requests start:stop."""
        return self.take(np.arange(start, stop))

    def take(self, places: npt.NDArray[np.integer]) -> "Requests":
        """Return the requests at places [m], in that order; a place may come often."""
        return self.with_histories(places, self.queries.take(places))

    def with_histories(self, places: npt.NDArray[np.integer], queries: Queries) -> "Requests":
        """Return the requests at places [m], as `take`, with m queries in place of their own."""
        counts = np.diff(self.excluded_offsets)[places]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        entries = np.repeat(self.excluded_offsets[:-1][places] - offsets[:-1], counts) + np.arange(
            offsets[-1]
        )
        return replace(
            self,
            queries=queries,
            seed_rows=self.seed_rows[places],
            excluded_offsets=offsets,
            excluded_rows=self.excluded_rows[entries],
            picks=None if self.picks is None else self.picks.take(np.asarray(places, np.int64)),
        )


def listen_strengths(
    played_shares: npt.NDArray[np.floating], durations_ms: npt.NDArray[np.floating], lake: LakeSettings
) -> Floats:
    """Return signed strengths of listens, by the rule that gold applies to events.

    Args:
        played_shares: [m] 0..1 of the track, NaN where unknown (counts as wanted).
        durations_ms: [m] NaN where unknown.
        lake: Thresholds.

    Returns:
        [m] float32: 1 for a play over `positive_ms` or `positive_share`, else -1 to `early_skip_ms`, rising
        to 0 at `late_skip_ms` (by share, from 2 % to `positive_share`, where the duration is unknown).
    """
    if np.isnan(played_shares).all():
        return np.ones(len(played_shares), np.float32)
    played_ms = played_shares * durations_ms
    wanted = np.isnan(played_shares) | (played_ms > lake.positive_ms) | (played_shares > lake.positive_share)
    by_time = (played_ms - lake.late_skip_ms) / max(lake.late_skip_ms - lake.early_skip_ms, 1)
    by_share = (played_shares - lake.positive_share) / max(lake.positive_share - EARLY_SHARE, 1e-9)
    skipped = np.clip(np.where(np.isnan(played_ms), by_share, by_time), -1, 0)
    return np.where(wanted, 1.0, skipped).astype(np.float32)
