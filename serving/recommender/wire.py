"""The wire format of the recommender: requests in, slates out. V1 and V2 carry the same objects."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final
from uuid import uuid4

from crossfade.recommender.answers import Answer
from crossfade.recommender.asking import Ask, ask_of
from crossfade.schema import columns as c
from crossfade.schema.errors import InputError
from crossfade.schema.serving_settings import ServingSettings

REQUEST_ID: Final = "request_id"
K: Final = "k"
EXPLAIN: Final = "explain"
LONGEST_SENTENCE: Final = 400  # characters; what a client sent is quoted back no longer


@dataclass(frozen=True)
class Asked:
    """One request off the wire.

    Args:
        ask: The request as `crossfade recommend --requests` reads it.
        k: Tracks wanted; None leaves it to the surface's policy.
        explain: Give verified reasons, at about ten times the cost.
        is_named: The client named the request, and may repeat it.
    """

    ask: Ask
    k: int | None
    explain: bool
    is_named: bool

    @property
    def left_out(self) -> set[str]:
        """Tracks that a fallback must not show: excluded, just played, or the seed."""
        played = (track if isinstance(track, str) else track.track_id for track in self.ask.session)
        seed = () if self.ask.seed_track is None else (self.ask.seed_track,)
        return {*self.ask.exclude, *played, *seed}


def asked_of(values: object, place: str, settings: ServingSettings) -> Asked:
    """Read one request.

    Args:
        values: JSON values: the keys of `Ask`, `k` and `explain`. Without a request id it gets a new one.
        place: Where it stands, for messages.
        settings: `max_tracks` is read.

    Raises:
        InputError: Names place, key and value.
    """
    if not isinstance(values, dict):
        raise InputError(
            f'{place}: needs an object such as {{"surface": "radio"}}, got {type(values).__name__}.'
        )
    rest = {key: value for key, value in values.items() if key not in (K, EXPLAIN)}
    k, explain = values.get(K), values.get(EXPLAIN)
    if k is not None and (type(k) is not int or not 1 <= k <= settings.max_tracks):
        raise InputError(f"{place}: k={k!r} must be a whole number from 1 to {settings.max_tracks}.")
    if explain is not None and type(explain) is not bool:
        raise InputError(f"{place}: explain={explain!r} must be true or false.")
    is_named = rest.get(REQUEST_ID) is not None
    if not is_named:
        rest[REQUEST_ID] = uuid4().hex
    return Asked(ask_of(rest, place), k, bool(explain), is_named)


def slate_of(
    asked: Asked, bundle: str, tracks: list[dict[str, object]], fallback: str | None
) -> dict[str, Any]:
    """Return the object of one slate.

    Args:
        asked: Whom it answers.
        bundle: Digest of the bundle that recommended.
        tracks: Best first.
        fallback: None for the recommender's own answer; else what stands in for it.
    """
    ask = asked.ask
    return {
        REQUEST_ID: ask.request_id,
        c.USER_ID: ask.user_id,
        c.SURFACE: str(ask.surface),
        c.SLATE_ID: slate_id(bundle, asked, fallback),
        "bundle": bundle,
        "fallback": fallback,
        "tracks": tracks,
    }


def tracks_of(answer: Answer) -> list[dict[str, object]]:
    """Return the tracks of an answer as JSON-able objects."""
    return [
        {
            c.TRACK_ID: track.track_id,
            c.TITLE: track.title,
            "artist": track.artist,
            "score": round(track.score, 6),
            c.SOURCE: track.source,
            c.PROPENSITY: round(track.propensity, 6),
            c.REASON: track.reason or None,
        }
        for track in answer.tracks
    ]


def slate_id(bundle: str, asked: Asked, fallback: str | None) -> str:
    """Return the id of a slate: the same for the same request to the same bundle, and another for what stands in for it.

    Exposures are known by it, and a request that is repeated may get other tracks than the fallback had.
    """
    ask = asked.ask
    told: tuple[Any, ...] = (bundle, ask.surface, ask.user_id, ask.request_id)
    told += () if fallback is None else (fallback,)
    return blake2b("\0".join(map(str, told)).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def fingerprint(values: Mapping[str, Any] | Asked) -> str:
    """Return what tells two requests apart that bear one id."""
    return blake2b(repr(values).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def sentence(error: BaseException) -> str:
    """Return an error's text, cut to a length that one can read."""
    text = " ".join(str(error).split())
    return text if len(text) <= LONGEST_SENTENCE else f"{text[:LONGEST_SENTENCE]} ..."
