"""Whether reasons of weekly playlists are true: without their evidence, all recommended again, the track must fall."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Bar, Options, Progress, Result
from benchmarks.serving.place import workspace_of
from crossfade.features.dataset import Dataset
from crossfade.recommender.reasons import verify
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.requests import Requests
from crossfade.recommender.slates import Slates
from crossfade.recommender.wording import ReasonKind
from crossfade.schema.ids import Rows
from crossfade.schema.tables import Surface

Bools = npt.NDArray[np.bool_]
Figures = Mapping[str, float | int | str | bool]

SURFACE: Final = Surface.DISCOVER_WEEKLY
LISTENERS: Final = 500
QUICK_LISTENERS: Final = 50
BLOCK: Final = 50
SEED: Final = 7
LEAST_TRUE: Final = 0.95

_NOTE: Final = (
    "Likely reasons are first guesses, which nobody sees; rescored ones are those of the weekly batch, judged with the rivals as "
    "they stood. True is a reason without whose evidence, everything recommended again, the track has a lower score and a later "
    "place, or none."
)


def run(options: Options) -> Result:
    """Make or take a bundle, give some listeners their weekly playlist, and put every reason to the proof.

    Args:
        options: `directory` names a demo's directory, whose champion is asked; else a planted world's is made. `quick` asks
            for fewer listeners.

    Raises:
        NotFoundError: The directory has no workspace with a champion.
    """
    told = Progress()
    with TemporaryDirectory() as scratch:
        told.say("a bundle ...")
        known = Recommender.load(workspace_of(options, Path(scratch)).champion())
        users = sample(known.dataset, QUICK_LISTENERS if options.quick else LISTENERS)
        told.add({"quick": options.quick, "tracks": len(known.catalogue), "listeners": len(users)})
        blocks = [
            Requests.of_users(
                known.dataset, users[start : start + BLOCK], known.as_of, SURFACE, _length(known)
            )
            for start in range(0, len(users), BLOCK)
        ]
        for name, is_rescored in (("likely", False), ("rescored", True)):
            asked = [replace(block, rescore_reasons=is_rescored) for block in blocks]
            told.measure(f"reasons that are {name}", partial(_proven, known, asked, name))
    bar = Bar(float(told.figures["rescored_true"]), at_least=LEAST_TRUE)
    return Result(told.figures, {"rescored_true": bar}, [_NOTE])


def sample(dataset: Dataset, most: int) -> Rows:
    """Return random users with a history, as rows in order."""
    heard = np.flatnonzero(np.bincount(dataset.interactions.user_rows, minlength=len(dataset.users)) > 0)
    chosen = np.random.default_rng(SEED).choice(heard, min(most, len(heard)), replace=False)
    return np.sort(chosen).astype(np.int32)


def _length(known: Recommender) -> int:
    return known.policies[SURFACE].k


def _proven(known: Recommender, blocks: list[Requests], name: str) -> Figures:
    """Return how many reasons are shown, and the share of them that is true, of all and of each kind."""
    slates = [known.recommend(block) for block in blocks]
    holds = np.concatenate([verify(known, block, made) for block, made in zip(blocks, slates, strict=True)])
    return {f"{name}_{what}": value for what, value in shares(slates, holds).items()}


def shares(slates: list[Slates], holds: Bools) -> dict[str, float | int]:
    """Return the numbers of places and of reasons, and the true shares, of all and by kind; a kind that is nowhere is left out.

    Args:
        slates: With n listeners in all.
        holds: [n, k] bool, which reasons are true.
    """
    kinds = np.concatenate([made.reason_kinds for made in slates])
    has_reason = kinds != ReasonKind.NONE
    found: dict[str, float | int] = {
        "places": int(sum(np.count_nonzero(made.rows >= 0) for made in slates)),
        "reasons": int(has_reason.sum()),
        "true": float(holds[has_reason].mean()) if has_reason.any() else float("nan"),
    }
    for kind in ReasonKind:
        at = kinds == kind
        if kind != ReasonKind.NONE and at.any():
            found |= {
                f"{kind.name.lower()}": int(at.sum()),
                f"{kind.name.lower()}_true": float(holds[at].mean()),
            }
    return found
