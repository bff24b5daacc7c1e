"""Recall@100 of tracks that come out in the test week: cold paths against popularity among new releases."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

import numpy as np

from benchmarks.harness import Bar, Options, Result
from benchmarks.quality.data import simulated
from crossfade.evaluation.bootstrap import intervals
from crossfade.evaluation.popularity import Doubles
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import SECONDS_PER_DAY, Floats, Queries
from crossfade.features.make_dataset import make_dataset
from crossfade.lake.lake import Lake
from crossfade.retrieval.content.cold import Cold, known_tracks
from crossfade.retrieval.content.combination import Combination
from crossfade.retrieval.contract import top_k
from crossfade.retrieval.two_tower import TwoTower
from crossfade.retrieval.two_tower_learnt import Learnt
from crossfade.retrieval.two_tower_training import train
from crossfade.schema.ids import Rows
from crossfade.schema.settings import Settings, load_settings
from crossfade.twin.spec import TwinSpec

# So many tracks that a list of 100 holds a tenth of what comes out in a week.
WHOLE: Final = TwinSpec(num_users=3000, num_tracks=100_000, num_days=42)
QUICK: Final = TwinSpec(num_users=300, num_tracks=6000, num_days=42)
DEPTHS: Final = (10, 30, 100)
AT_LEAST: Final = 3.0
COLD_PATHS: Final = "cold_paths"
BY_ARTIST: Final = "artist_popularity"
BY_LISTENS: Final = "track_popularity"
AFTERWARDS: Final = "popularity_afterwards"


@dataclass(frozen=True)
class NewReleases:
    """Tracks that came out in a period, and the listeners who then played them.

    Args:
        tracks: [t] int32 tracks without a listen before the period.
        users: [u] int32 who wanted at least one of them in it.
        wanted: [u, t] bool.
    """

    tracks: Rows
    users: Rows
    wanted: np.ndarray

    @classmethod
    def of(cls, dataset: Dataset, start: int, end: int) -> Self:
        """Find the releases of the days from `start` to `end` in UTC seconds."""
        catalogue, acts = dataset.catalogue, dataset.interactions
        released = catalogue.release_days.astype(np.int64) * SECONDS_PER_DAY
        heard = np.bincount(acts.track_rows[acts.seconds < start], minlength=len(catalogue)) > 0
        tracks = np.flatnonzero((released >= start) & (released < end) & ~heard).astype(np.int32)
        period = acts.between(start, end)
        plays = period.where(period.positive & np.isin(period.track_rows, tracks))
        users = np.unique(plays.user_rows)
        wanted = np.zeros((len(users), len(tracks)), np.bool_)
        wanted[np.searchsorted(users, plays.user_rows), np.searchsorted(tracks, plays.track_rows)] = True
        return cls(tracks, users, wanted)

    def recall(self, scores: Floats, depth: int) -> Doubles:
        """Return [u] the share of wanted tracks among the best of scores [u, t]."""
        rows = top_k(scores, min(depth, len(self.tracks)))[0]
        hits = np.take_along_axis(self.wanted, np.maximum(rows, 0), axis=1) & (rows >= 0)
        return np.asarray(hits.sum(axis=1) / self.wanted.sum(axis=1), np.float64)


def run(options: Options) -> Result:
    """Train until the test week, and rank its new releases for the listeners who played any of them.

    Raises:
        NotFoundError: The directory holds no lake.
    """
    settings = load_settings(assignments=["two_tower.epochs=1"] if options.quick else [])
    return judged(_dataset(options, settings), settings, quick=options.quick)


def judged(dataset: Dataset, settings: Settings, *, quick: bool) -> Result:
    """Judge on the test period of a dataset; pass one that is cut before its test period to judge on an earlier one."""
    split = dataset.split
    new = NewReleases.of(dataset, split.test_start, split.end)
    scores = {**_towers(dataset, new, settings), **_popularity(dataset, new, settings.seed)}
    recalls = {name: [new.recall(values, k) for k in DEPTHS] for name, values in scores.items()}
    figures: dict[str, float | int | str | bool] = {
        "quick": quick,
        "tracks": len(dataset.catalogue),
        "new_tracks": len(new.tracks),
        "users": len(new.users),
    }
    for name, by_depth in recalls.items():
        figures |= {f"{name}_recall_{k}": _rounded(r) for k, r in zip(DEPTHS, by_depth, strict=True)}
    for peer in (BY_LISTENS, BY_ARTIST):
        ratio = float(recalls[COLD_PATHS][-1].mean() / max(recalls[peer][-1].mean(), 1e-9))
        figures[f"recall_100_over_{peer}"] = round(ratio, 3)
    # Three times what artists' popularity reaches would be more than all there is.
    bar = f"recall_100_over_{BY_LISTENS}"
    # A list that holds all releases says nothing of anybody, as with --quick.
    is_telling = len(new.tracks) > DEPTHS[-1]
    bars = {bar: Bar(float(figures[bar]), at_least=AT_LEAST)} if is_telling else {}
    return Result(figures, bars, _lines(recalls, settings))


def _dataset(options: Options, settings: Settings) -> Dataset:
    if options.directory is not None:
        return make_dataset(Lake.open(options.directory / "lake"), settings)
    with TemporaryDirectory() as folder:
        return simulated(QUICK if options.quick else WHOLE, Path(folder), settings)


def _towers(dataset: Dataset, new: NewReleases, settings: Settings) -> dict[str, Floats]:
    """Return the scores [u, t] of the cold paths together, of the tower before them, and of each path alone."""
    known = dataset.until(dataset.split.test_start)
    learnt = train(known, settings.two_tower, settings.seed, models=settings.input_models)
    towers = learnt.track_vectors
    assert isinstance(towers, np.ndarray), "they are packed after training"
    cold, vectors = Cold.fit(known, towers, learnt.trained, seed=settings.seed)
    queries = dataset.queries(new.users, dataset.split.test_start)
    users = _user_vectors(learnt, vectors, queries, settings)
    scores = {
        COLD_PATHS: users @ vectors[new.tracks].T,
        "tower_alone": _user_vectors(learnt, towers, queries, settings) @ towers[new.tracks].T,
    }
    paths = cold.combination
    if paths is None:
        return scores
    shown = known_tracks(known, towers, cold.origins.listens)
    for name, path in paths.paths.items():
        scores[f"{name}_alone"] = users @ path.vectors(shown, new.tracks).T
        others = Combination(paths.paths, paths.weights * (np.array([*paths.paths]) != name))
        scores[f"paths_but_{name}"] = users @ others.vectors(shown, new.tracks)[0].T
    return {**scores, "paths_but_tower": users @ paths.vectors(shown, new.tracks)[0].T}


def _user_vectors(learnt: Learnt, track_vectors: Floats, queries: Queries, settings: Settings) -> Floats:
    model = TwoTower(settings.two_tower, settings.index, settings.seed, settings.input_models)
    model.learnt_ = replace(learnt, track_vectors=track_vectors)
    return model.user_vectors(queries)


def _popularity(dataset: Dataset, new: NewReleases, seed: int) -> dict[str, Floats]:
    """Return scores [u, t] that are equal for all listeners.

    Nobody has played a new track at the moment, so that its own popularity is a draw; that of its artist is the stronger
    baseline, and that of the test week itself, which nobody knows yet, bounds what any list for everybody can reach.
    """
    acts, catalogue, start = dataset.interactions, dataset.catalogue, dataset.split.test_start
    before = acts.positive & (acts.seconds < start)
    artists = catalogue.artist_rows
    of_artists = np.bincount(artists[acts.track_rows[before]] + 1, minlength=len(catalogue.artists) + 1)
    lists = {
        BY_LISTENS: np.random.default_rng(seed).random(len(new.tracks)),
        BY_ARTIST: of_artists[artists[new.tracks] + 1],
        AFTERWARDS: new.wanted.sum(axis=0),
    }
    return {name: np.tile(values.astype(np.float32), (len(new.users), 1)) for name, values in lists.items()}


def _rounded(recalls: Doubles) -> float:
    return round(float(recalls.mean()), 4)


def _lines(recalls: Mapping[str, list[Doubles]], settings: Settings) -> list[str]:
    """Return the table for people, with intervals over users."""
    over = settings.evaluation
    lines = [f"{'recall of new releases':<32}" + "".join(f"@{depth:<26}" for depth in DEPTHS)]
    for name, by_depth in recalls.items():
        cells = intervals(
            np.stack(by_depth, axis=1),
            samples=over.bootstrap_samples,
            confidence=over.confidence,
            seed=settings.seed,
        )
        told = "".join(f"{cell.mean:.4f} [{cell.low:.4f}, {cell.high:.4f}]   " for cell in cells)
        lines.append(f"{name.replace('_', ' '):<32}{told}".rstrip())
    return lines
