"""Asks the recommender service within a time budget."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

import httpx
import orjson

from crossfade.schema import columns as c
from crossfade.schema.errors import InputError, NotFoundError
from crossfade.schema.serving_settings import ServingSettings
from serving.gateway.breaker import Breaker

logger = logging.getLogger(__name__)

MODEL: Final = "crossfade"
HEADERS: Final = {"content-type": "application/json"}
REASON_SECONDS: Final = 10.0  # an account of a track recommends several times


class AwayError(Exception):
    """The service does not answer, in time or in words that make sense; says which."""


class Online:
    """The recommender service as the gateway sees it.

    Args:
        url: Its address, for example http://127.0.0.1:8081.
        settings: `budget_ms` and `retry_ms` are read.
    """

    def __init__(self, url: str, settings: ServingSettings) -> None:
        self._predict, self._explain = (f"/v1/models/{MODEL}:{verb}" for verb in ("predict", "explain"))
        self._budget_seconds = settings.budget_ms / 1000
        self._breaker = Breaker(settings.retry_ms)
        limits = httpx.Limits(max_connections=256, max_keepalive_connections=256)
        self._client = httpx.AsyncClient(base_url=url, limits=limits, timeout=None, trust_env=False)

    @property
    def is_well(self) -> bool:
        """Whether the service answered lately."""
        return not self._breaker.is_open

    async def slate(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Ask for one slate; `request_id` makes it safe to ask twice.

        Raises:
            AwayError: There is no answer to be had in time.
            InputError: The service calls the request wrong, with its sentence.
        """
        if not self._breaker.may_try():
            raise AwayError("the recommender failed a moment ago")
        try:
            body = orjson.dumps({"instances": [request]})
            slate = _slate(await self._posted(self._predict, body, self._budget_seconds))
        except AwayError:
            self._breaker.note(succeeded=False)
            raise
        self._breaker.note(succeeded=True)
        return slate

    async def why(self, user: str, track: str, surface: str) -> dict[str, Any]:
        """Ask for the account of one track.

        Raises:
            AwayError: There is no answer to be had.
            NotFoundError: The bundle does not know the user or the track.
            InputError: The surface does not exist.
        """
        asked = {c.USER_ID: user, c.TRACK_ID: track, c.SURFACE: surface}
        answer = await self._posted(self._explain, orjson.dumps({"instances": [asked]}), REASON_SECONDS)
        try:
            account = answer["explanations"][0]
        except (KeyError, IndexError, TypeError) as error:
            raise AwayError("the recommender's answer makes no sense") from error
        if not isinstance(account, dict):
            raise AwayError("the recommender's answer makes no sense")
        return account

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _posted(self, path: str, body: bytes, seconds: float) -> Any:
        try:
            async with asyncio.timeout(seconds):
                response = await self._sent(path, body)
        except (httpx.HTTPError, TimeoutError) as error:
            raise AwayError(f"the recommender does not answer ({type(error).__name__})") from error
        try:
            answer = orjson.loads(response.content)
        except ValueError as error:
            raise AwayError("the recommender's answer is not JSON") from error
        if response.status_code in (400, 404, 413):
            text = str(answer.get("error")) if isinstance(answer, dict) else "the request is wrong"
            raise (NotFoundError if response.status_code == 404 else InputError)(text)
        if response.status_code != 200:
            raise AwayError(f"the recommender answers {response.status_code}")
        return answer

    async def _sent(self, path: str, body: bytes) -> httpx.Response:
        """Send a request, once more where a kept connection was closed under it."""
        try:
            return await self._client.post(path, content=body, headers=HEADERS)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            return await self._client.post(path, content=body, headers=HEADERS)


def _slate(answer: Any) -> dict[str, Any]:
    """Return the one slate of an answer.

    Raises:
        AwayError: It is none.
    """
    try:
        (slate,) = answer["predictions"]
        tracks = slate["tracks"]
        is_whole = isinstance(slate, dict) and all(isinstance(track[c.TRACK_ID], str) for track in tracks)
        is_whole = is_whole and isinstance(slate[c.SLATE_ID], str) and "fallback" in slate
    except (KeyError, ValueError, TypeError) as error:
        raise AwayError("the recommender's answer makes no sense") from error
    if not is_whole:
        raise AwayError("the recommender's answer makes no sense")
    return dict(slate)
