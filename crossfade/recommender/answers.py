"""Slates as callers read them: external ids, titles and sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from crossfade.recommender.asked_rows import requests_of
from crossfade.recommender.asking import Ask, Unknown
from crossfade.recommender.feature_log import FeatureLog
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.slates import Slates
from crossfade.schema import columns as c


class AnsweredTrack(NamedTuple):
    """One place of a slate; title and artist are the ids where names are unknown, the reason may be empty.

    The propensity is the probability of the track at its place, 1 where nothing is explored.
    """

    track_id: str
    title: str
    artist: str
    score: float
    source: str
    reason: str
    propensity: float = 1.0


@dataclass(frozen=True)
class Answer:
    """One slate, for the request or user that asked."""

    request_id: str | None
    user_id: str | None
    bundle: str
    tracks: tuple[AnsweredTrack, ...]

    def as_json(self) -> Mapping[str, Any]:
        """Return the object that `crossfade recommend --json` prints."""
        key = {"user_id": self.user_id} if self.request_id is None else {"request_id": self.request_id}
        tracks = [
            {
                c.TRACK_ID: track.track_id,
                "score": round(track.score, 6),
                c.SOURCE: track.source,
                c.REASON: track.reason or None,
            }
            for track in self.tracks
        ]
        return {**key, "bundle": self.bundle, "tracks": tracks}


def answer(
    recommender: Recommender,
    asks: Sequence[Ask],
    k: int | None,
    *,
    log: FeatureLog | None = None,
    with_reasons: bool = True,
) -> tuple[list[Answer], Unknown]:
    """Answer requests of any surfaces.

    Args:
        recommender: A loaded bundle.
        asks: n requests; callers bound n (`weekly.batch_users`).
        k: Tracks in a slate; None leaves it to each surface's policy.
        log: Gets the features of the tracks that are shown.
        with_reasons: Give verified reasons, at about ten times the cost; else none.

    Returns:
        n answers in order, and what the requests named that the bundle does not know.

    Raises:
        InputError: A seed track is unknown.
    """
    answered: dict[int, Answer] = {}
    users: list[str] = []
    picks: list[str] = []
    num_tracks = 0
    for surface in dict.fromkeys(ask.surface for ask in asks):
        places = [place for place, ask in enumerate(asks) if ask.surface == surface]
        mine = [asks[place] for place in places]
        length = k or recommender.policies[surface].k
        lake = recommender.settings.lake
        requests, unknown = requests_of(
            mine, recommender.dataset, recommender.as_of, length, lake=lake, home=recommender.home
        )
        watch = None if log is None else partial(log.append, recommender, mine, requests)
        slates = (
            recommender.recommend(replace(requests, verify_reasons=True), watch)
            if with_reasons
            else recommender.choose(requests, recommender.exclusions(requests), watch=watch)
        )
        answered |= zip(places, in_words(mine, slates, recommender), strict=True)
        users += unknown.users
        picks += unknown.picks
        num_tracks += unknown.num_tracks
    return [answered[place] for place in range(len(asks))], Unknown(tuple(users), num_tracks, tuple(picks))


def in_words(asks: Sequence[Ask], slates: Slates, recommender: Recommender) -> list[Answer]:
    """Put slates into words.

    Args:
        asks: n requests.
        slates: Their n slates.
        recommender: That made them.
    """
    filled = slates.rows >= 0
    rows = slates.rows[filled]
    wording, kinds = recommender.wording, slates.reason_kinds[filled]
    ids, titles = wording.ids_at(rows), wording.titles_at(rows)
    artists = wording.artists_at(recommender.catalogue.artist_rows[rows])
    scores = slates.scores[filled].tolist()
    sources = [c.SLATE_SOURCES[place] for place in slates.sources[filled].tolist()]
    reasons = (
        wording.texts(kinds, slates.reason_rows[filled]).to_pylist() if kinds.any() else [""] * len(rows)
    )
    propensities = slates.propensities[filled].tolist()
    tracks = [
        AnsweredTrack(track, title or track, artist or "", score, source, reason, propensity)
        for track, title, artist, score, source, reason, propensity in zip(
            ids, titles, artists, scores, sources, reasons, propensities, strict=True
        )
    ]
    ends = np.cumsum(slates.lengths).tolist()
    return [
        Answer(ask.request_id, ask.user_id, recommender.digest, tuple(tracks[end - length : end]))
        for ask, end, length in zip(asks, ends, slates.lengths.tolist(), strict=True)
    ]
