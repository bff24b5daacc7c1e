"""Training rows of a ranker: candidates that the sources really return, with their features and grades."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from crossfade.features.candidates import Candidates
from crossfade.features.interactions import Floats, Int64s, Queries
from crossfade.features.ranking_features import ranking_features
from crossfade.features.statistics import Statistics
from crossfade.ranking.labels import Examples
from crossfade.retrieval.sources import Excluded, Sources
from crossfade.schema.columns import RANKING_FEATURES
from crossfade.schema.ids import Rows
from crossfade.schema.settings import SourceSettings

BATCH_QUERIES: Final = 512  # asked together; bounds memory


@dataclass(frozen=True)
class TrainingRows:
    """Graded candidates, group after group; a group is one query, left out when none of its candidates was wanted.

    Args:
        features: [rows, num_features] float32.
        labels: [rows] int32 grades.
        group_sizes: [groups] int64.
        user_rows: [groups] int32.
    """

    features: Floats
    labels: Rows
    group_sizes: Int64s
    user_rows: Rows


def training_rows(
    examples: Sequence[Examples],
    sources: Sources,
    statistics: Statistics,
    settings: SourceSettings,
    excluded_of: Callable[[Queries], Excluded],
) -> TrainingRows:
    """Retrieve, grade and describe the candidates of examples.

    Args:
        examples: Of `labels.examples`.
        sources: Fitted on what happened before the examples' period.
        statistics: As of the same moment as the sources.
        settings: How many candidates.
        excluded_of: The filter that queries meet when they are served.
    """
    parts = [_nothing()]
    for part in examples:
        for start in range(0, len(part.queries), BATCH_QUERIES):
            queries = part.queries.slice(start, min(start + BATCH_QUERIES, len(part.queries)))
            candidates = sources.retrieve(queries, settings, excluded_of(queries))
            labels = part.labels(candidates.rows, start)
            parts.append(_described(queries, candidates, labels, sources, statistics))
    columns = zip(
        *((rows.features, rows.labels, rows.group_sizes, rows.user_rows) for rows in parts), strict=True
    )
    return TrainingRows(*map(np.concatenate, columns))


def _nothing() -> TrainingRows:
    none = np.zeros(0, np.int32)
    return TrainingRows(np.zeros((0, len(RANKING_FEATURES)), np.float32), none, none.astype(np.int64), none)


def _described(
    queries: Queries, candidates: Candidates, labels: Rows, sources: Sources, statistics: Statistics
) -> TrainingRows:
    """Compute the features of those queries of which some candidate was wanted."""
    taught = np.flatnonzero(labels.any(axis=1))
    kept = Candidates(candidates.rows[taught], candidates.scores[taught], candidates.ranks[taught])
    features = ranking_features(
        queries.take(taught), kept, sources.catalogue, statistics, sources.track_vectors
    )
    is_track = kept.rows >= 0
    return TrainingRows(
        features[is_track],
        labels[taught][is_track],
        is_track.sum(axis=1).astype(np.int64),
        queries.user_rows[taught],
    )
