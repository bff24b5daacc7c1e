"""Why one track stands where it stands for one user: sources, place, features and the verified reason."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from crossfade.ranking.contract import Ranker
from crossfade.recommender.ranked import Ranked
from crossfade.recommender.reasons import verified
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.requests import Requests
from crossfade.recommender.wording import ReasonKind
from crossfade.schema.errors import NotFoundError
from crossfade.schema.tables import Surface

SHOWN_FEATURES: Final = 10


@dataclass(frozen=True)
class SourceSay:
    """What one source said: its score and the track's place in its list, 1 is best; None where it said nothing."""

    source: str
    score: float | None
    place: int | None


@dataclass(frozen=True)
class Contribution:
    """How much one feature moved the score from the mean score in training."""

    feature: str
    value: float | None
    contribution: float


@dataclass(frozen=True)
class Why:
    """The account of one track for one user.

    Args:
        user_id: Whom.
        track_id: What.
        track: Title and artist.
        surface: Where.
        bundle: Digest.
        slate_place: 1..k in the slate, None outside it.
        ranked_place: 1.. among the candidates by the ranker's score, None for a track that is none.
        num_candidates: That were ranked.
        score: The ranker's, None for a track that is no candidate.
        sources: What each said.
        contributions: Largest first.
        reason: Shown with the track in the slate; empty where none is true.
        excluded: Why the track must not be shown, empty where it may.
    """

    user_id: str
    track_id: str
    track: str
    surface: str
    bundle: str
    slate_place: int | None
    ranked_place: int | None
    num_candidates: int
    score: float | None
    sources: tuple[SourceSay, ...]
    contributions: tuple[Contribution, ...]
    reason: str
    excluded: tuple[str, ...]

    def as_json(self) -> Mapping[str, Any]:
        """Return a JSON-able object."""
        return asdict(self)


def why(recommender: Recommender, user_id: str, track_id: str, surface: Surface) -> Why:
    """Account for one track.

    Args:
        recommender: A loaded bundle.
        user_id: Known to it.
        track_id: Known to it.
        surface: Whose policy counts.

    Raises:
        NotFoundError: User or track is unknown.
    """
    users = recommender.user_rows([user_id])
    row = int(recommender.catalogue.tracks.rows([track_id])[0])
    for kind, name, found in (("User", user_id, int(users[0])), ("Track", track_id, row)):
        if found < 0:
            raise NotFoundError(f"{kind} {name!r} is not in bundle {recommender.digest}; check the id.")
    k = recommender.policies[surface].k
    requests = Requests.of_users(recommender.dataset, users, recommender.as_of, surface, k)
    exclusions = recommender.exclusions(requests)
    ranked = recommender.rank(requests, exclusions)
    place, reason = _in_slate(recommender, requests, row)
    return Why(
        user_id=user_id,
        track_id=track_id,
        track=str(recommender.wording.track_names(np.array([row], np.int32))[0]),
        surface=str(surface),
        bundle=recommender.digest,
        slate_place=place,
        num_candidates=int((ranked.candidates.rows >= 0).sum()),
        **_among_candidates(recommender.ranker_of(surface), ranked, row),
        reason=reason,
        excluded=tuple(exclusions.causes(0, row)),
    )


def _in_slate(recommender: Recommender, requests: Requests, row: int) -> tuple[int | None, str]:
    """Return the track's place from 1 and its reason in words, if it is true."""
    slates = recommender.recommend(requests)
    is_track = slates.rows == row
    if not is_track.any():
        return None, ""
    only_it = replace(slates, reason_kinds=np.where(is_track, slates.reason_kinds, np.int8(ReasonKind.NONE)))
    true = verified(recommender, requests, only_it)
    text = recommender.wording.texts(true.reason_kinds[is_track], true.reason_rows[is_track])[0]
    return int(is_track[0].argmax()) + 1, str(text)


def _among_candidates(ranker: Ranker, ranked: Ranked, row: int) -> dict[str, Any]:
    """Return what sources and ranker say of the track, as fields of `Why`."""
    at = np.flatnonzero(ranked.candidates.rows[0] == row)
    if not len(at):
        silent = tuple(SourceSay(name, None, None) for name in ranker.task.sources)
        return {"ranked_place": None, "score": None, "sources": silent, "contributions": ()}
    place, features = int(at[0]), ranked.features[0, at]
    scores, ranks = ranked.candidates.scores[0, place], ranked.candidates.ranks[0, place]
    moved = ranker.contributions(features)[0]
    largest = np.argsort(-np.abs(moved), kind="stable")[:SHOWN_FEATURES]
    return {
        "ranked_place": int((ranked.scores[0] > ranked.scores[0, place]).sum()) + 1,
        "score": float(ranked.scores[0, place]),
        "sources": tuple(
            SourceSay(name, _number(score), None if np.isnan(rank) else int(rank) + 1)
            for name, score, rank in zip(ranker.task.sources, scores, ranks, strict=True)
        ),
        "contributions": tuple(
            Contribution(ranker.task.features[i], _number(features[0, i]), float(moved[i])) for i in largest
        ),
    }


def _number(value: np.floating[Any]) -> float | None:
    return None if np.isnan(value) else float(value)
