"""Answers batches of requests with the held bundle: never an exception, a fallback where it has trouble itself."""

import logging
from collections.abc import Sequence
from typing import Final

from crossfade.recommender.answers import answer
from crossfade.schema.errors import InputError
from crossfade.schema.metrics import FALLBACKS, Recorder
from serving.recommender.batcher import Slate
from serving.recommender.held import Held, Holder
from serving.recommender.wire import Asked, slate_of, tracks_of

logger = logging.getLogger(__name__)

POPULAR: Final = "popular"


class Answering:
    """What the worker thread does.

    Args:
        holder: Whose bundle answers; each batch is answered by one.
        recorder: Told of fallbacks.
    """

    def __init__(self, holder: Holder, recorder: Recorder) -> None:
        self._holder, self._recorder = holder, recorder

    def all(self, asked: Sequence[Asked]) -> list[Slate | Exception]:
        """Answer requests of any surfaces; what is equal in surface, length and reasons goes together."""
        held = self._holder.held
        groups: dict[tuple[object, ...], list[int]] = {}
        for place, each in enumerate(asked):
            groups.setdefault((each.ask.surface, each.k, each.explain), []).append(place)
        answered: dict[int, Slate | Exception] = {}
        for places in groups.values():
            answered |= zip(places, self._group(held, [asked[place] for place in places]), strict=True)
        return [answered[place] for place in range(len(asked))]

    def stand_in(self, asked: Asked) -> Slate:
        """Answer with what is popular in the country, from memory."""
        self._recorder.record(FALLBACKS, 1, answer=POPULAR)
        popular = self._holder.held.popular
        tracks = popular.slate(
            asked.ask.country, asked.k or popular.lengths[asked.ask.surface], asked.left_out
        )
        return slate_of(asked, popular.bundle, tracks, POPULAR)

    def _group(self, held: Held, asked: list[Asked]) -> list[Slate | Exception]:
        try:
            answers, _ = answer(
                held.recommender, [each.ask for each in asked], asked[0].k, with_reasons=asked[0].explain
            )
        except InputError as error:
            # One wrong request must not cost its neighbours their answers.
            return (
                [error] if len(asked) == 1 else [each for one in asked for each in self._group(held, [one])]
            )
        except Exception:
            logger.exception("Recommending failed; %d requests get a fallback.", len(asked))
            return [self.stand_in(each) for each in asked]
        digest = held.recommender.digest
        return [
            slate_of(each, digest, tracks_of(found), None) for each, found in zip(asked, answers, strict=True)
        ]
