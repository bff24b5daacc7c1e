"""Recall@30 and NDCG@30 of the two-tower, with one part of its towers left out at a time, on the validation period."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.harness import Options, Result
from benchmarks.quality.data import load_trial
from crossfade.evaluation.bootstrap import Interval
from crossfade.evaluation.evaluate import Recommend, evaluate, unheard
from crossfade.evaluation.evaluation import EVERYONE, Evaluation, paired
from crossfade.evaluation.popularity import Bools
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
QUICK: Final = ("two_tower.epochs=1", "two_tower.max_examples=5000")
# Every track is scored in the judgement; an index is not what is judged.
EXACT: Final = "index.backend=exact"
EVERYTHING: Final = "everything"
NOTHING: Final = "without all of these"
ALL, KNOWN, SESSION = "all tracks", "known tracks", "one session, context told"


@dataclass(frozen=True)
class Part:
    """A part of the towers: the settings that switch it on and off, or the data that it alone reads."""

    on: Mapping[str, object]
    off: Mapping[str, object]
    without: Callable[[Dataset], Dataset] = lambda dataset: dataset


def first_artists(dataset: Dataset) -> Dataset:
    """Return the dataset with the primary artist of each track alone."""
    table = dataset.catalogue.table
    place, lists = table.schema.get_field_index(c.ARTIST_IDS), table.column(c.ARTIST_IDS).combine_chunks()
    first = pc.list_slice(lists, 0, 1).cast(lists.type)
    return replace(dataset, catalogue=Catalogue(table.set_column(place, c.ARTIST_IDS, first)))


def no_ages(dataset: Dataset) -> Dataset:
    """Return the dataset without birth years."""
    table = dataset.users.table
    place, unknown = table.schema.get_field_index(c.BIRTH_YEAR), pa.nulls(len(table), pa.int32())
    return replace(dataset, users=Users(table.set_column(place, c.BIRTH_YEAR, unknown)))


ARTISTS, AGE, CONTEXT = "artists beyond the first", "age", "context"
PARTS: Final = {
    ARTISTS: Part({}, {}, first_artists),
    "words": Part({"text_buckets": 16384}, {"text_buckets": 0}),
    "input vectors": Part({"input_vectors": "als"}, {"input_vectors": "none"}),
    AGE: Part({}, {}, no_ages),
    CONTEXT: Part({"context_dropout": 0.5}, {"context_dropout": 1.0}),
    "user ids": Part({"user_ids": True}, {"user_ids": False}),
}


def run(options: Options) -> Result:
    """Train on what came before the validation period, once for each part left out; the test period is not looked at.

    Raises:
        NotFoundError: The directory holds no lake.
        TrainingError: Nobody can be judged.
    """
    settings = load_settings(assignments=[EXACT, *(QUICK if options.quick else ())])
    whole = load_trial(options, settings).judged
    dataset = whole.until(whole.split.test_start)
    truths = truths_of(dataset, settings)
    known = dataset.until(dataset.split.validation_start)
    found, speeds = {}, {}
    for name, left_out in variants().items():
        found[name], speeds[name] = judged(known, truths, left_out, settings)
    return result(found, speeds, quick=options.quick)


def variants() -> dict[str, list[str]]:
    """Return name -> parts that are left out."""
    return {EVERYTHING: [], **{f"without {name}": [name] for name in PARTS}, NOTHING: list(PARTS)}


def truths_of(dataset: Dataset, settings: Settings) -> dict[str, Truth]:
    """Return what was liked in the validation period: all of it, the part over tracks heard before it, and that of sessions.

    The last is each user's first session of the period, asked for with what is known at its start.
    """
    start, end, acts = dataset.split.validation_start, dataset.split.test_start, dataset.interactions
    before = acts.seconds < start
    heard = np.bincount(acts.track_rows[before], minlength=len(dataset.catalogue)) > 0
    inside = np.flatnonzero(~before)
    first = inside[np.unique(acts.user_rows[inside], return_index=True)[1]]
    in_first = np.isin(acts.sessions, acts.sessions[first])
    kept = {ALL: ~before, KNOWN: heard[acts.track_rows], SESSION: in_first}
    truths = {
        name: Truth.of(replace(dataset, interactions=acts.where(before | chosen)), start, end, settings)
        for name, chosen in kept.items()
    }
    sessions = Examples.of(replace(dataset, interactions=acts.where(in_first & ~before)))
    return truths | {SESSION: _told(truths[SESSION], sessions)}


def _told(truth: Truth, sessions: Examples) -> Truth:
    """Return the truth with queries that tell the traits of each user's session."""
    users, places = np.unique(sessions.user_rows, return_index=True)
    traits = sessions.traits[places[np.searchsorted(users, truth.queries.user_rows)]]
    return replace(truth, queries=replace(truth.queries, traits=traits))


def judged(
    known: Dataset, truths: Mapping[str, Truth], left_out: list[str], settings: Settings
) -> tuple[dict[str, Evaluation], float]:
    """Train without some parts; return the evaluation by each truth, and the examples trained a second."""
    changes: dict[str, object] = {}
    for name, part in PARTS.items():
        changes |= part.off if name in left_out else part.on
        known = part.without(known) if name in left_out else known
    model = TwoTower(settings.two_tower.model_copy(update=changes), settings.index, settings.seed).fit(known)
    heard = np.bincount(known.interactions.track_rows, minlength=len(known.catalogue)) > 0
    evaluations = {}
    for name, truth in truths.items():
        allowed = heard if name == KNOWN else np.ones_like(heard)
        recommend = unheard(_exact(model, allowed), len(known.catalogue))
        evaluations[name] = evaluate(name, recommend, _hidden(truth, left_out), settings)
    return evaluations, float(np.median([epoch["examples_per_second"] or 0.0 for epoch in model.history_]))


def _hidden(truth: Truth, left_out: list[str]) -> Truth:
    """Hide from the queries what is left out."""
    if truth.queries.traits is None:
        return truth
    traits = truth.queries.traits.copy()
    traits[:, : 1 if AGE in left_out else 0] = -1
    traits[:, 1 if CONTEXT in left_out else traits.shape[1] :] = -1
    return replace(truth, queries=replace(truth.queries, traits=traits))


def _exact(model: TwoTower, allowed: Bools) -> Recommend:
    def recommend(queries: Queries, k: int) -> Ranking:
        scores = model.user_vectors(queries) @ np.asarray(model.track_vectors_).T
        return top_k(np.where(allowed, scores, -np.inf), k)

    return recommend


def result(
    found: Mapping[str, Mapping[str, Evaluation]], speeds: Mapping[str, float], *, quick: bool
) -> Result:
    """Return means of every variant by every truth as figures, and as a table with intervals and paired differences."""
    figures: dict[str, float | int | str | bool] = {"quick": quick}
    lines = []
    for truth, whole in found[EVERYTHING].items():
        lines += ["", f"{truth}: {len(whole):,} users; in brackets 95 % intervals, differences to everything"]
        for name, evaluations in found.items():
            means, gaps = evaluations[truth].summary[EVERYONE], paired(evaluations[truth], whole)[EVERYONE]
            figures |= {f"{name}, {truth}, {metric}": means[metric].mean for metric in METRICS}
            cells = [f"{_text(means[m], '.4f'):<26}{_text(gaps[m], '+.4f'):<28}" for m in METRICS]
            lines.append(f"{name:<34}{''.join(cells)}{speeds[name]:,.0f} examples/s".rstrip())
    figures |= {f"{name}, examples per second": round(speed) for name, speed in speeds.items()}
    return Result(figures, notes=lines[1:])


def _text(interval: Interval, shape: str) -> str:
    mean, low, high = (format(value, shape) for value in interval)
    return f"{mean} [{low}, {high}]"
