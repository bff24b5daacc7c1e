"""What a client gets: the online answer, else a stored slate, else what is popular; never nothing."""

import logging
import time
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final

from orjson import Fragment

from crossfade.schema import columns as c
from crossfade.schema.errors import InputError
from crossfade.schema.metrics import FALLBACKS, Recorder
from crossfade.schema.serving_settings import ServingSettings
from crossfade.schema.tables import Surface
from crossfade.schema.zones import zone_named, zone_of
from crossfade.store.contract import PackedSlate, playlist_id
from crossfade.store.encoding import decode
from serving.gateway.exposures import Exposures
from serving.gateway.listeners import user_of
from serving.gateway.online import AwayError, Online
from serving.gateway.rendering import Plain
from serving.gateway.stored import Stored, tracks_of
from serving.gateway.variants import Assigned, Variants
from serving.popular import PopularSlates
from serving.recommender.wire import REQUEST_ID, Asked, asked_of, slate_of

logger = logging.getLogger(__name__)

CONTROL: Final = "control"
STORED: Final = "stored"
POPULAR: Final = "popular"


class Answers:
    """Answers requests from the parts that are well.

    Args:
        variants: The recommender services.
        stored: Published slates.
        popular: Returns the popular slates in force.
        exposures: Told of what was shown.
        settings: Limits of requests.
        recorder: Told of fallbacks.
    """

    def __init__(
        self,
        variants: Variants,
        stored: Stored,
        popular: Callable[[], PopularSlates],
        *,
        exposures: Exposures,
        settings: ServingSettings,
        recorder: Recorder,
    ) -> None:
        self._variants, self._stored, self._popular = variants, stored, popular
        self._exposures, self._settings, self._recorder = exposures, settings, recorder

    async def recommend(self, values: object, *, is_shown: bool = True) -> dict[str, Any]:
        """Answer one request by its user's variant; else by control, stored or popular, marked by `fallback`.

        Args:
            values: JSON values as the recommender service reads them.
            is_shown: Whether the listener gets to see the answer, which is logged then.

        Raises:
            InputError: The request is wrong.
        """
        asked = asked_of(values, "request", self._settings)
        listener = None if asked.ask.user_id is None else user_of(asked.ask.user_id)
        assert isinstance(values, dict), "asked_of refuses all else"
        assigned = self._variants.of(asked.ask.surface, listener, asked.ask.country)
        slate = await self._online_slate(assigned, {**values, REQUEST_ID: asked.ask.request_id})
        if slate is None:
            slate = await self._stand_in(asked, listener)
        return self._shown(slate | assigned.told, listener, is_shown=is_shown)

    async def playlist(
        self,
        user: str,
        surface: Surface,
        country: str | None,
        zone: str | None = None,
        *,
        is_shown: bool = True,
    ) -> dict[str, Any]:
        """Answer with the slate that is published for the user's variant; without one online, else with what stands in.

        Args:
            user: Own id.
            surface: Whose slate.
            country: Of the listener, where the client tells it.
            zone: Time zone of the listener, likewise; else the country's counts, and else that of the batch's country.
            is_shown: Whether the listener gets to see the answer, which is logged then.

        Raises:
            InputError: The user id, or the time zone, cannot be one.
        """
        listener = user_of(user)
        if zone is not None and zone_named(zone) is None:
            raise InputError(
                f"time_zone must be one of the tz database, such as Europe/Berlin; got {zone!r}."
            )
        assigned = self._variants.of(surface, listener, country)
        packed = await self._stored_slate(assigned.stored(surface), listener, zone or zone_of(country))
        if packed is not None:
            slate, plain = _published(packed, surface, listener)
            return self._shown(slate | assigned.told, listener, plain, is_shown=is_shown)
        values = {c.USER_ID: user, c.SURFACE: str(surface)} | (
            {} if country is None else {c.COUNTRY: country}
        )
        return await self.recommend(values, is_shown=is_shown)

    async def why(self, user: str, track: str, surface: Surface) -> dict[str, Any]:
        """Account for one track.

        Raises:
            AwayError: The recommender service does not answer.
            NotFoundError: User or track is unknown.
        """
        listener = user_of(user)
        online = self._variants.of(surface, listener).online
        return {**await online.why(listener, track, surface), c.USER_ID: listener}

    async def _online_slate(self, assigned: Assigned, values: dict[str, Any]) -> dict[str, Any] | None:
        """Return the variant's own answer, else control's while there is time; None where there is none."""
        due = time.monotonic() + self._settings.budget_ms / 1000
        slate = await self._answered(assigned.online, values, due)
        is_treated = assigned.online is not self._variants.control
        if slate is None and is_treated and time.monotonic() < due:
            slate = await self._answered(self._variants.control, values, due)
            if slate is not None:
                self._recorder.record(FALLBACKS, 1, answer=CONTROL)
                slate["fallback"] = CONTROL
        return slate

    async def _answered(self, online: Online, values: dict[str, Any], due: float) -> dict[str, Any] | None:
        """Return a service's own answer, None where it has none."""
        try:
            slate = await online.slate(values, due)
        except AwayError as error:
            logger.info("No online answer: %s.", error)
            return None
        return slate if slate["fallback"] is None else None

    async def _stored_slate(self, surface: str, listener: str, zone: str) -> PackedSlate | None:
        try:
            return await self._stored.get(surface, listener, zone)
        except AwayError as error:
            logger.info("No stored slate: %s.", error)
            return None

    async def _stand_in(self, asked: Asked, listener: str | None) -> dict[str, Any]:
        """Return a stored slate without what the request leaves out, else popular tracks."""
        popular, surface = self._popular(), asked.ask.surface
        k = asked.k or popular.lengths[surface]
        if listener is not None:
            for published in self._published_for(surface, listener, asked.ask.country):
                found = await self._stored_slate(published, listener, zone_of(asked.ask.country))
                slate = decode(found)
                kept = [] if slate is None else tracks_of(slate)
                tracks = [track for track in kept if track[c.TRACK_ID] not in asked.left_out]
                if slate is not None and tracks:
                    self._recorder.record(FALLBACKS, 1, answer=STORED)
                    made = slate_of(asked, slate.generation, tracks[:k], STORED)
                    return {("generation" if key == "bundle" else key): value for key, value in made.items()}
        self._recorder.record(FALLBACKS, 1, answer=POPULAR)
        tracks = popular.slate(asked.ask.country, k, asked.left_out, asked.ask.genres)
        return slate_of(asked, popular.bundle, tracks, POPULAR)

    def _published_for(self, surface: Surface, listener: str, country: str | None) -> list[str]:
        """Return which stored surfaces may stand in, the best first: those of the user's variant before everybody's."""
        # A weekly playlist stands in for any surface but that of new releases.
        weekly = () if surface == Surface.RELEASE_RADAR else (Surface.DISCOVER_WEEKLY,)
        own = {each: self._variants.of(each, listener, country).stored(each) for each in (surface, *weekly)}
        return list(dict.fromkeys(name for each, mine in own.items() for name in (mine, each)))

    def _shown(
        self, slate: dict[str, Any], listener: str | None, plain: Plain | None = None, *, is_shown: bool
    ) -> dict[str, Any]:
        """Log the exposure and return the slate under the name that the client knows.

        Whoever asks under a pseudonym looks into a lake or a bundle: nothing was shown to the person.

        Args:
            slate: As it is answered.
            listener: Who asked; None asked for nobody.
            plain: Its tracks, where it has them as bytes of JSON alone.
            is_shown: Whether it is answered whole; to HEAD it is not.
        """
        if listener is None:
            return slate
        if is_shown and not self._stored.is_pseudonym(listener):
            self._exposures.log(listener, slate, plain)
        return {**slate, c.USER_ID: listener}


def _published(packed: PackedSlate, surface: Surface, listener: str) -> tuple[dict[str, Any], Plain | None]:
    """Return a published slate as it is answered, and its tracks where the answer has them as bytes of JSON alone."""
    generation, playlist = packed.about.name, playlist_id(packed.about.surface, packed.user_id)
    slate_id = blake2b(f"{generation}\0{playlist}".encode(), digest_size=12).hexdigest()
    named = {c.USER_ID: listener, c.PLAYLIST_ID: playlist, c.SURFACE: str(surface), c.SLATE_ID: slate_id}
    plain = Plain.of(packed)
    if plain is None:
        slate = decode(packed)
        tracks: object = [] if slate is None else tracks_of(slate)
    else:
        tracks = Fragment(plain.tracks())
    return {**named, "generation": generation, "fallback": None, "tracks": tracks}, plain
