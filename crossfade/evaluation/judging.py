"""Train on a trial, once for each seed, and measure everything on the same users."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from crossfade.evaluation.evaluate import Recommend
from crossfade.evaluation.evaluation import Resampling
from crossfade.evaluation.trained import OURS, baselines, our_systems
from crossfade.evaluation.trial import Trial
from crossfade.evaluation.truth import Truth
from crossfade.evaluation.yardstick import PerUser, Yardstick, measure
from crossfade.schema.settings import Settings

Fitted = Callable[[int], Mapping[str, Recommend]]
Progress = Callable[[str], None]


def judge_trial(
    trial: Trial,
    settings: Settings,
    ks: Sequence[int],
    seeds: Sequence[int],
    *,
    peers: Fitted | None = None,
    progress: Progress = lambda _: None,
) -> Yardstick:
    """Measure baselines, peers and our systems; every system is fitted again for each seed.

    Args:
        trial: The data and its split, which no seed changes.
        settings: Ours are trained with them as they are; `seed` draws test users and resamples.
        ks: List lengths, the headline first.
        seeds: Of training.
        peers: (seed) -> tuned systems to compare with. Without any, our sources alone count as peers.
        progress: Told what happens next.

    Raises:
        TrainingError: There is nothing to learn from, or nobody to judge on.
        ValueError: A peer has the name of one of our systems, in whose place it would stand.
    """
    split = trial.judged.split
    truth = Truth.of(trial.judged, split.test_start, split.end, settings)
    fixed = {name: measure(system, truth, ks) for name, system in baselines(truth).items()}
    runs: dict[str, list[PerUser]] = {name: [measured] for name, measured in fixed.items()}
    rivals = [*fixed]
    for seed in seeds:
        progress(f"training with seed {seed}")
        fitted = peers(seed) if peers else {}
        rivals += [name for name in fitted if name not in rivals]
        with TemporaryDirectory() as folder:
            ours = our_systems(trial, Path(folder), settings.model_copy(update={"seed": seed}))
            if both := fitted.keys() & ours.keys():
                raise ValueError(f"Peers need names of their own; ours has {', '.join(sorted(both))}, too.")
            for name, system in {**fitted, **ours}.items():
                progress(f"measuring {name}")
                runs.setdefault(name, []).append(measure(system, truth, ks))
    if peers is None:
        rivals = [name for name in runs if name not in OURS]
    chosen = settings.evaluation
    resampling = Resampling(chosen.bootstrap_samples, chosen.confidence, settings.seed)
    return Yardstick(runs, ks, rivals, resampling)
