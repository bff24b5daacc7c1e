"""What hashing the ids of tracks and artists costs in quality: recall@30 and NDCG@30 of the two-tower by rows an id.

Judged on the validation period, over all tracks that a listener had not heard; nothing of the test period is read.
"""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from benchmarks.harness import Options, Progress, Result
from benchmarks.quality.data import QUICK as SMALL
from benchmarks.quality.data import simulated
from crossfade.evaluation.evaluate import Recommend, evaluate, unheard
from crossfade.evaluation.evaluation import EVERYONE, Evaluation, paired
from crossfade.evaluation.truth import Truth
from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.retrieval.contract import Ranking, top_k
from crossfade.retrieval.two_tower import TwoTower
from crossfade.schema.settings import Settings, load_settings
from crossfade.twin.spec import TwinSpec

# Every seed trains once for each way, so the world is smaller than that of `bench quality`.
WORLD: Final = TwinSpec(num_users=800, num_tracks=3000, num_days=42)
READS: Final = ("num_seeds",)
METRICS: Final = ("recall", "ndcg")
QUICK: Final = ("two_tower.epochs=1", "two_tower.max_examples=5000")
# Every track is scored in the judgement; an index is not what is judged.
EXACT: Final = "index.backend=exact"
RATIOS: Final = (2, 4, 16)  # ids for each row of a table
QUICK_RATIOS: Final = (4,)
A_ROW_EACH: Final = "row_each"
NO_IDS: Final = "one_row_for_all"
ADAM: Final = 3  # tables in memory while training: the weights and the optimiser's two moments


def run(options: Options) -> Result:
    """Train the two-tower on what came before the validation period with each size of its tables, and judge it.

    Raises:
        TrainingError: Nobody can be judged.
    """
    settings = load_settings(assignments=[EXACT, *(QUICK if options.quick else ())])
    with TemporaryDirectory() as folder:
        whole = simulated(SMALL if options.quick else WORLD, Path(folder), settings)
    dataset = whole.until(whole.split.test_start)
    start, end = dataset.split.validation_start, dataset.split.test_start
    truth, known = Truth.of(dataset, start, end, settings), dataset.until(start)
    progress = Progress()
    progress.add(
        {
            "quick": options.quick,
            "judged_users": len(truth),
            "tracks": len(known.catalogue),
            "artists": len(known.catalogue.contributors),
            "listens": len(known.interactions),
        }
    )
    found: dict[str, list[Evaluation]] = {}
    for seed in range(settings.seed, settings.seed + options.num_seeds):
        for name, changes in ways(known.catalogue, QUICK_RATIOS if options.quick else RATIOS).items():
            evaluation, about = judged(known, truth, changes, settings.model_copy(update={"seed": seed}))
            found.setdefault(name, []).append(evaluation)
            means = evaluation.summary[EVERYONE]
            scores = {f"{name}_seed_{seed}_{metric}": means[metric].mean for metric in METRICS}
            progress.add(scores | {f"{name}_{figure}": value for figure, value in about.items()})
    return Result(progress.figures | over_seeds(found), notes=table(found))


def ways(catalogue: Catalogue, ratios: tuple[int, ...]) -> dict[str, dict[str, int]]:
    """Return name -> settings of the two-tower: a row each, so many ids a row, and one row for all, which says nothing."""
    shared = {
        f"{ratio}_ids_a_row": {
            "track_buckets": max(len(catalogue) // ratio, 1),
            "artist_buckets": max(len(catalogue.contributors) // ratio, 1),
        }
        for ratio in ratios
    }
    return {A_ROW_EACH: {}, **shared, NO_IDS: {"track_buckets": 1, "artist_buckets": 1}}


def judged(
    known: Dataset, truth: Truth, changes: Mapping[str, int], settings: Settings
) -> tuple[Evaluation, dict[str, float]]:
    """Train with changed settings; return the evaluation, and bytes of the tables and examples trained a second."""
    model = TwoTower(settings.two_tower.model_copy(update=changes), settings.index, settings.seed).fit(known)
    recommend = unheard(_exact(model), len(known.catalogue))
    size = sum(model.learnt_.weights[name].nbytes for name in ("residuals", "artists"))
    speeds = [epoch["examples_per_second"] or 0.0 for epoch in model.history_]
    about = {
        "training_bytes_per_track": ADAM * size / len(known.catalogue),
        "examples_per_second": float(np.median(speeds)),
    }
    return evaluate("two_tower", recommend, truth, settings), about


def _exact(model: TwoTower) -> Recommend:
    def recommend(queries: Queries, k: int) -> Ranking:
        return top_k(model.user_vectors(queries) @ np.asarray(model.track_vectors_).T, k)

    return recommend


def over_seeds(found: Mapping[str, list[Evaluation]]) -> dict[str, float]:
    """Return each way's means over seeds, and the largest and smallest share of a row each that a seed kept."""
    figures: dict[str, Any] = {}
    for name, evaluations in found.items():
        for metric in METRICS:
            means = [evaluation.summary[EVERYONE][metric].mean for evaluation in evaluations]
            figures[f"{name}_{metric}"] = round(float(np.mean(means)), 5)
            whole = [evaluation.summary[EVERYONE][metric].mean for evaluation in found[A_ROW_EACH]]
            shares = np.divide(means, whole)
            figures[f"{name}_{metric}_share_low"] = round(float(shares.min()), 4)
            figures[f"{name}_{metric}_share_high"] = round(float(shares.max()), 4)
    return figures


def table(found: Mapping[str, list[Evaluation]]) -> list[str]:
    """Return a line for each way and seed: differences to a row each with 95 % intervals over the same listeners."""
    lines = ["Differences to a row for each id over the same listeners, with 95 % intervals, a seed a line."]
    for name, evaluations in found.items():
        for seed, evaluation in enumerate(evaluations):
            gaps = paired(evaluation, found[A_ROW_EACH][seed])[EVERYONE]
            cells = [f"{m} {gaps[m].mean:+.4f} [{gaps[m].low:+.4f}, {gaps[m].high:+.4f}]" for m in METRICS]
            lines.append(f"{name:<18}{'   '.join(cells)}")
    return lines
