"""What the log tells of treatments that nobody has seen, from slates that were shown before an experiment begins.

Each shown slate is made again, by the bundle that made it and by the treatment's. Where the first does not come out as it was
logged (what came late has changed a history), the slate is left out and counted; that rests on what was known before it was
shown, so it favours neither side. A treatment that puts tracks where the log can never hold them cannot be told of from it:
only the experiment can tell.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from crossfade.evaluation.off_policy import Estimate, LoggedChoices, difference
from crossfade.experiments.assignment import CONTROL
from crossfade.experiments.installation import Installation
from crossfade.experiments.shown_slates import ShownSlates, read_shown
from crossfade.experiments.spec import Experiment, ExperimentSpec
from crossfade.lake.lake import Lake
from crossfade.schema.errors import InputError
from crossfade.schema.tables import Surface
from crossfade.store.weekly import store_of

if TYPE_CHECKING:  # it loads TensorFlow
    from crossfade.features.dataset import Dataset
    from crossfade.recommender.recommend import Recommender
    from crossfade.reranking.chances import Chances

STORED: Final = (Surface.DISCOVER_WEEKLY, Surface.RELEASE_RADAR)
# Propensities are kept as float32 and rounded to six digits on their way.
EQUAL: Final = 1e-4


@dataclass(frozen=True)
class Foreseen:
    """What the log says of one treatment.

    Args:
        treatment: Its name.
        slates: That were made again as they were logged.
        left_out: That were not.
        difference: In wanted plays a place, treatment minus what was shown; None where nothing can be told.
        why_not: Then why.
    """

    treatment: str
    slates: int
    left_out: int
    difference: Estimate | None
    why_not: str = ""

    @property
    def is_worse(self) -> bool:
        """Whether the whole interval is below nothing."""
        return self.difference is not None and self.difference.high < 0

    @property
    def sentence(self) -> str:
        """For people."""
        told = self.difference
        if told is None:
            return f"The log cannot tell of {self.treatment!r}: {self.why_not}"
        return (
            f"By {self.slates} shown slates ({self.left_out} could not be made again) {self.treatment!r} earns {told.value:+.4f} "
            f"[{told.low:+.4f}, {told.high:+.4f}] wanted plays a place; they say as much as {told.effective_size:.0f} of its own."
        )


def foreseen(lake: Lake, installation: Installation, experiment: Experiment, now: datetime) -> list[Foreseen]:
    """Judge each treatment from what was shown of control.

    Args:
        lake: Refreshed.
        installation: Has bundles and generations.
        experiment: On a stored surface; of others nothing is told, since their requests are not in the lake.
        now: UTC.

    Raises:
        NotFoundError: A bundle is gone.
        IntegrityError: A bundle is damaged.
    """
    spec = experiment.spec
    if spec.surface not in STORED:
        return []
    control = spec.variants[0].bundle
    made = [
        each
        for each in store_of(installation.workspace, installation.settings.weekly).generations(
            str(spec.surface)
        )
        if each.bundle == control
    ]
    if not made:
        return []
    moments, length = [each.as_of for each in made], made[-1].length
    shown = read_shown(lake, installation.settings.lake, spec.surface, length, now)
    asked = shown.take(np.flatnonzero(shown.made_at(moments) >= 0))
    return _judged(lake, installation, spec, asked, moments) if len(asked) else []


def require_not_worse(found: Sequence[Foreseen]) -> list[str]:
    """Return a sentence for each treatment.

    Raises:
        InputError: The log shows that one is worse than what is shown now.
    """
    if worse := [each for each in found if each.is_worse]:
        raise InputError(
            f"The log shows that {worse[0].treatment!r} is worse than control, so no listener should see it. {worse[0].sentence} "
            "Change the treatment, or leave it out."
        )
    return [each.sentence for each in found]


def _judged(
    lake: Lake, installation: Installation, spec: ExperimentSpec, shown: ShownSlates, moments: Sequence[int]
) -> list[Foreseen]:
    from crossfade.features.make_dataset import make_dataset
    from crossfade.recommender.recommend import Recommender

    digests = {each.name: each.bundle for each in spec.variants} | installation.with_policies(spec)
    recommenders = {
        name: Recommender.load(installation.workspace.bundle(digest)) for name, digest in digests.items()
    }
    settings = recommenders[CONTROL].settings
    dataset = make_dataset(lake, settings, split=recommenders[CONTROL].dataset.split)
    confidence = 1 - spec.stop.alpha
    return list(judged(shown, moments, dataset, recommenders, surface=spec.surface, confidence=confidence))


def judged(
    shown: ShownSlates,
    moments: Sequence[int],
    dataset: "Dataset",
    recommenders: "Mapping[str, Recommender]",
    *,
    surface: Surface,
    confidence: float,
) -> Iterator[Foreseen]:
    """Judge treatments from shown slates.

    Args:
        shown: At least one, each made at one of the moments.
        moments: UTC seconds, up to which generations knew.
        dataset: All that the lake knows.
        recommenders: `control` and the treatments.
        surface: Of the slates.
        confidence: Of the intervals.
    """
    made, shape = shown.made_at(moments), shown.wanted.shape
    rows, users = (
        dataset.catalogue.tracks.rows(shown.tracks).reshape(shape),
        dataset.users.ids.rows(shown.users),
    )
    present = _chances(shown, made, dataset, recommenders[CONTROL], surface)
    again = (np.abs(present.of(rows) - shown.propensities) < EQUAL).all(axis=1)
    for name in list(recommenders)[1:]:
        counts = int(again.sum()), int((~again).sum())
        try:
            if recommenders[name].policies[surface].k != shape[1]:
                raise InputError(
                    "its slates have another length, and what a place more or less earns is not logged."
                )
            other = _chances(shown, made, dataset, recommenders[name], surface)
            log = LoggedChoices(
                np.repeat(users[again], shape[1]),
                shown.wanted[again].ravel(),
                shown.propensities[again].ravel(),
                other.of(rows)[again].ravel(),
                other.beyond(present)[again].ravel(),
            )
            yield Foreseen(name, *counts, difference(log, confidence))
        except InputError as error:
            yield Foreseen(name, *counts, None, str(error))


def _chances(
    shown: ShownSlates, made: np.ndarray, dataset: "Dataset", recommender: "Recommender", surface: Surface
) -> "Chances":
    """Return what a bundle may have shown to the users of slates, each as of the moment when theirs was made; dataset's rows."""
    from crossfade.features.translation import Translation
    from crossfade.recommender.foretelling import chances_of
    from crossfade.recommender.requests import Requests
    from crossfade.reranking.chances import Chances

    translation, k = Translation(dataset, recommender.dataset), shown.wanted.shape[1]
    users, found = dataset.users.ids.rows(shown.users), Chances.none(len(shown), k)
    for moment in np.unique(made):
        places = np.flatnonzero(made == moment)
        queries = translation.into_bundle(dataset.queries(users[places], int(moment)))
        told = chances_of(recommender, Requests.of(queries, surface, k))
        found.put(places, Chances(translation.out_of_bundle(told.rows), told.chances))
    return found
