"""Recall@30 and NDCG@30 of the two-tower with one part of its towers left out at a time, on the validation period."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.harness import Options, Result
from benchmarks.quality.data import load_dataset
from crossfade.evaluation.bootstrap import Interval
from crossfade.evaluation.evaluate import evaluate, unheard
from crossfade.evaluation.evaluation import EVERYONE, Evaluation, paired
from crossfade.evaluation.truth import Truth
from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset, Users
from crossfade.features.interactions import Queries
from crossfade.retrieval.contract import Ranking, top_k
from crossfade.retrieval.two_tower import TwoTower
from crossfade.retrieval.two_tower_examples import Examples
from crossfade.schema import columns as c
from crossfade.schema.settings import Settings, load_settings

METRICS: Final = ("recall", "ndcg")
QUICK: Final = ("two_tower.epochs=1",)
EVERYTHING: Final = "everything"
TRUTHS: Final = ("all", "known", "session")


@dataclass(frozen=True)
class Part:
    """A part of the towers: what switches it on, what switches it off, and the data that it alone reads."""

    on: Mapping[str, object]
    off: Mapping[str, object]
    without: Callable[[Dataset], Dataset] = lambda dataset: dataset


def _first_artists(dataset: Dataset) -> Dataset:
    lists = dataset.catalogue.table.column(c.ARTIST_IDS).combine_chunks()
    return _with_column(dataset, c.ARTIST_IDS, pc.list_slice(lists, 0, 1).cast(lists.type))


def _with_column(dataset: Dataset, name: str, values: pa.Array) -> Dataset:
    table = dataset.catalogue.table
    place = table.schema.get_field_index(name)
    return replace(dataset, catalogue=Catalogue(table.set_column(place, name, values)))


def _no_ages(dataset: Dataset) -> Dataset:
    table = dataset.users.table
    place = table.schema.get_field_index(c.BIRTH_YEAR)
    return replace(
        dataset, users=Users(table.set_column(place, c.BIRTH_YEAR, pa.nulls(len(table), pa.int32())))
    )


PARTS: Final = {
    "artists beyond the first": Part({}, {}, _first_artists),
    "words": Part({"text_buckets": 16384}, {"text_buckets": 0}),
    "input vectors": Part({"input_vectors": "als"}, {"input_vectors": "none"}),
    "age": Part({}, {}, _no_ages),
    "context": Part({"context_dropout": 0.5}, {"context_dropout": 1.0}),
    "user ids": Part({"user_ids": True}, {"user_ids": False}),
}


def run(options: Options) -> Result:
    """Train on what came before the validation period, once for each part left out; the test period is not looked at.

    Raises:
        NotFoundError: The directory holds no lake.
        TrainingError: Nobody can be judged.
    """
    settings = load_settings(assignments=QUICK if options.quick else [])
    whole = load_dataset(options, settings)
    dataset = whole.until(whole.split.test_start)
    truths = _truths(dataset, settings)
    known = dataset.until(dataset.split.validation_start)
    found, speeds = {}, {}
    for name, left_out in variants().items():
        found[name], speeds[name] = _judged(known, truths, left_out, settings)
    figures: dict[str, float | int | str | bool] = {"quick": options.quick}
    for name, judged in found.items():
        figures[f"{name}, examples per second"] = round(speeds[name])
        for truth, evaluation in judged.items():
            figures |= {f"{name}, {truth}, {metric}": _mean(evaluation, metric).mean for metric in METRICS}
    return Result(figures, notes=_notes(found, speeds))


def variants() -> dict[str, list[str]]:
    """Return name -> parts that are left out."""
    return {
        EVERYTHING: [],
        **{f"without {name}": [name] for name in PARTS},
        "without all of them": list(PARTS),
    }


def _truths(dataset: Dataset, settings: Settings) -> dict[str, Truth]:
    """Return what was liked in the validation period: all of it, and the part over tracks heard before it."""
    start, end, acts = dataset.split.validation_start, dataset.split.test_start, dataset.interactions
    heard = np.bincount(acts.track_rows[acts.seconds < start], minlength=len(dataset.catalogue)) > 0
    only_known = replace(dataset, interactions=acts.where((acts.seconds < start) | heard[acts.track_rows]))
    return {
        "all": Truth.of(dataset, start, end, settings),
        "known": Truth.of(only_known, start, end, settings),
        "session": _first_sessions(dataset, settings),
    }


def _first_sessions(dataset: Dataset, settings: Settings) -> Truth:
    """Return what was liked in each user's first session of the period, asked with that session's context."""
    start, end, acts = dataset.split.validation_start, dataset.split.test_start, dataset.interactions
    inside = np.flatnonzero(acts.seconds >= start)
    first = inside[np.unique(acts.user_rows[inside], return_index=True)[1]]
    kept = (acts.seconds < start) | np.isin(acts.sessions, acts.sessions[first])
    truth = Truth.of(replace(dataset, interactions=acts.where(kept)), start, end, settings)
    examples = Examples.of(replace(dataset, interactions=acts.where(kept & (acts.seconds >= start))))
    users, places = np.unique(examples.user_rows, return_index=True)
    traits = examples.traits[places[np.searchsorted(users, truth.queries.user_rows)]]
    return replace(truth, queries=replace(truth.queries, traits=traits))


def _judged(
    known: Dataset, truths: Mapping[str, Truth], left_out: list[str], settings: Settings
) -> tuple[dict[str, Evaluation], float]:
    """Return the evaluation by each truth, and the examples trained a second."""
    changes: dict[str, object] = {}
    for name, part in PARTS.items():
        changes |= part.off if name in left_out else part.on
        known = part.without(known) if name in left_out else known
    model = TwoTower(settings.two_tower.model_copy(update=changes), settings.index, settings.seed).fit(known)
    heard = np.bincount(known.interactions.track_rows, minlength=len(known.catalogue)) > 0
    judged = {}
    for name, truth in truths.items():
        recommend = unheard(_exact(model, heard if name == "known" else None), len(known.catalogue))
        judged[name] = evaluate(name, recommend, _as_seen(truth, left_out), settings)
    speeds = [epoch["examples_per_second"] or 0.0 for epoch in model.history_]
    return judged, float(np.median(speeds))


def _as_seen(truth: Truth, left_out: list[str]) -> Truth:
    """Hide from the queries what a model that lacks a part cannot read."""
    traits = truth.queries.traits
    if traits is None or not {"age", "context"} & set(left_out):
        return truth
    hidden = traits.copy()
    if "age" in left_out:
        hidden[:, 0] = -1
    if "context" in left_out:
        hidden[:, 1:] = -1
    return replace(truth, queries=replace(truth.queries, traits=hidden))


def _exact(model: TwoTower, allowed: np.ndarray | None) -> Callable[[Queries, int], Ranking]:
    def recommend(queries: Queries, k: int) -> Ranking:
        scores = model.user_vectors(queries) @ np.asarray(model.track_vectors_).T
        if allowed is not None:
            scores[:, ~allowed] = -np.inf
        return top_k(scores, k)

    return recommend


def _mean(evaluation: Evaluation, metric: str) -> Interval:
    return evaluation.summary[EVERYONE][metric]


def _notes(found: Mapping[str, Mapping[str, Evaluation]], speeds: Mapping[str, float]) -> list[str]:
    lines = []
    for truth in TRUTHS:
        lines += [
            f"{truth}: {len(found[EVERYTHING][truth]):,} users",
            f"{'':<34}{'recall@30':<26}{'gap':<28}{'NDCG@30':<26}{'gap':<28}",
        ]
        for name, judged in found.items():
            gaps = paired(judged[truth], found[EVERYTHING][truth])[EVERYONE]
            cells = "".join(
                f"{_text(_mean(judged[truth], metric), '.4f'):<26}{_text(gaps[metric], '+.4f'):<28}"
                for metric in METRICS
            )
            lines.append(f"{name:<34}{cells}{speeds[name]:,.0f} examples/s")
    return lines


def _text(interval: Interval, shape: str) -> str:
    mean, low, high = (format(value, shape) for value in interval)
    return f"{mean} [{low}, {high}]"
