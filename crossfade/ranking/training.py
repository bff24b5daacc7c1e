"""Training rows of a ranker: candidates that the sources really return, with their features and grades."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from crossfade.features.candidates import Candidates
from crossfade.features.interactions import Floats, Int64s, Queries
from crossfade.features.ranking_features import ranking_features
from crossfade.features.statistics import Statistics
from crossfade.retrieval.sources import Excluded, Sources
from crossfade.schema.ids import NO_ROW, Rows
from crossfade.schema.settings import SourceSettings
from crossfade.schema.tasks import DISCOVERY, Task

BATCH_QUERIES: Final = 512  # asked together; bounds memory
# Candidates of a query that teach besides what was wanted and what was skipped early, drawn by seed. All 500 rank the
# simulated listeners a little worse (NDCG of 0.195 against 0.198 at 100) and take five times the memory and twice the time.
UNHEARD: Final = 100
# ... for the next track, which is one; on 30Music 25 to 100 rank equally well.
UNPLAYED: Final = 30


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


class Graded(Protocol):
    """Queries, and what became of their candidates."""

    @property
    def queries(self) -> Queries:
        """Who asked, and when."""
        ...

    def labels(self, rows: Rows, first: int = 0) -> Rows:
        """Return the grades [b, c] int32 of tracks [b, c] of the queries from `first` on, 0 is not wanted."""
        ...

    def skipped(self, rows: Rows, first: int = 0) -> npt.NDArray[np.bool_]:
        """Return [b, c] bool: tracks [b, c] that the queries from `first` on skipped early and never wanted."""
        ...


def training_rows(
    examples: Sequence[Graded],
    sources: Sources,
    statistics: Statistics,
    settings: SourceSettings,
    excluded_of: Callable[[Queries], Excluded],
    *,
    task: Task = DISCOVERY,
    seed: int = 0,
) -> TrainingRows:
    """Retrieve, grade and describe the candidates of examples.

    Args:
        examples: Of `labels.examples` or `labels.next_track_examples`.
        sources: Fitted on what happened before the examples' period.
        statistics: As of the same moment as the sources.
        settings: How many candidates.
        excluded_of: The filter that queries meet when they are served.
        task: What is ranked for.
        seed: Of the draw of unwanted candidates.
    """
    parts, random = [_nothing(task)], np.random.default_rng(seed)
    for part in examples:
        for start in range(0, len(part.queries), BATCH_QUERIES):
            queries = part.queries.slice(start, min(start + BATCH_QUERIES, len(part.queries)))
            candidates = sources.retrieve(queries, settings, excluded_of(queries), task.sources)
            labels = part.labels(candidates.rows, start)
            told = (labels > 0) | part.skipped(candidates.rows, start)
            taught = np.flatnonzero(labels.any(axis=1))
            others = UNHEARD if task is DISCOVERY else UNPLAYED
            kept, places = _drawn(candidates, told, taught, others, random)
            grades = np.take_along_axis(labels[taught], places, axis=1)
            parts.append(_described(queries.take(taught), kept, grades, sources, statistics, task))
    columns = zip(
        *((rows.features, rows.labels, rows.group_sizes, rows.user_rows) for rows in parts), strict=True
    )
    return TrainingRows(*map(np.concatenate, columns))


def nothing_to_learn(task: Task) -> TrainingRows:
    """Return one query with two candidates that no feature tells apart: a ranker learns nothing from it but to be there."""
    features = np.zeros((2, len(task.features)), np.float32)
    one_query = np.array([2], np.int64)
    return TrainingRows(features, np.array([1, 0], np.int32), one_query, np.zeros(1, np.int32))


def _nothing(task: Task) -> TrainingRows:
    none = np.zeros(0, np.int32)
    return TrainingRows(np.zeros((0, len(task.features)), np.float32), none, none.astype(np.int64), none)


def _drawn(
    candidates: Candidates,
    told: npt.NDArray[np.bool_],
    taught: Int64s,
    others: int,
    random: np.random.Generator,
) -> tuple[Candidates, Int64s]:
    """Return, of the taught queries, all that was told of and up to so many others, in order, and where they stood."""
    rows = candidates.rows[taught]
    draws = np.where(told[taught], -1.0, random.random(rows.shape))
    draws[rows < 0] = 2.0
    limits = told[taught].sum(axis=1) + others
    width = min(int(limits.max(initial=0)), rows.shape[1])
    best = np.argsort(draws, axis=1, kind="stable")[:, :width]
    best[np.arange(width) >= limits[:, None]] = rows.shape[1]
    columns = np.sort(best, axis=1)
    is_drawn, columns = columns < rows.shape[1], np.minimum(columns, rows.shape[1] - 1)
    kept = Candidates(
        np.where(is_drawn, np.take_along_axis(rows, columns, axis=1), np.int32(NO_ROW)),
        np.take_along_axis(candidates.scores[taught], columns[..., None], axis=1),
        np.take_along_axis(candidates.ranks[taught], columns[..., None], axis=1),
    )
    return kept, columns


def _described(
    queries: Queries,
    candidates: Candidates,
    labels: Rows,
    sources: Sources,
    statistics: Statistics,
    task: Task,
) -> TrainingRows:
    """Compute the features of candidates."""
    features = ranking_features(
        queries, candidates, sources.catalogue, statistics, sources.track_vectors, task=task
    )
    is_track = candidates.rows >= 0
    return TrainingRows(
        features[is_track], labels[is_track], is_track.sum(axis=1).astype(np.int64), queries.user_rows
    )
