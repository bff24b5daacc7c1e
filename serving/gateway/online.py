"""Asks the recommender service over gRPC within a time budget."""

import logging
import time
from collections.abc import Mapping
from typing import Any, Final

import grpc
import orjson
from grpc import aio

from crossfade.schema import columns as c
from crossfade.schema.errors import InputError, NotFoundError
from crossfade.schema.metrics import HEDGES, Recorder, Unrecorded
from crossfade.schema.serving_settings import ServingSettings
from serving import tracing
from serving.gateway.breaker import Breaker
from serving.gateway.hedging import HedgeBudget, hedged
from serving.rpc import EXPLAIN, PREDICT, path_of

logger = logging.getLogger(__name__)

SCHEME: Final = "grpc://"
NOBODY: Final = Unrecorded()
REASON_SECONDS: Final = 10.0  # an account of a track recommends several times
# What the client has to mend; the details are the recommender's sentence.
REFUSALS: Final[Mapping[grpc.StatusCode, type[InputError]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InputError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: InputError,  # the request is too large
    grpc.StatusCode.NOT_FOUND: NotFoundError,
}


class AwayError(Exception):
    """The service does not answer, in time or in words that make sense; says which."""


class Online:
    """The recommender service as the gateway sees it.

    Args:
        url: Its address, for example grpc://127.0.0.1:8082; of several servers behind one name each is asked in turn.
        settings: `retry_ms`, `hedge_ms` and `hedge_share` are read.
        recorder: Told of hedges.

    Raises:
        InputError: The address is none of gRPC's.
    """

    def __init__(self, url: str, settings: ServingSettings, recorder: Recorder = NOBODY) -> None:
        if not url.startswith(SCHEME):
            raise InputError(f"{url!r} is no address of a recommender; it must be grpc://HOST:PORT.")
        self._target = url.removeprefix(SCHEME)
        self._hedge_seconds, self._recorder = settings.hedge_ms / 1000, recorder
        self._breaker, self._hedges = Breaker(settings.retry_ms), HedgeBudget(settings.hedge_share)
        # A server that is back is found by the next try, not after a pause that grows to two minutes.
        pauses = {
            f"grpc.{which}_reconnect_backoff_ms": settings.retry_ms for which in ("initial", "min", "max")
        }
        self._options = [*pauses.items(), ("grpc.lb_policy_name", "round_robin")]
        self._channel: Any = None  # belongs to the event loop that first asks

    @property
    def is_well(self) -> bool:
        """Whether the service answered lately."""
        return not self._breaker.is_open

    async def slate(self, request: Mapping[str, Any], due: float) -> dict[str, Any]:
        """Ask for one slate; `request_id` makes it safe to ask twice, which is done where the first answer is slow.

        Args:
            request: JSON values.
            due: Moment of the monotonic clock, in seconds, by which the answer must be there.

        Raises:
            AwayError: There is no answer to be had in time.
            InputError: The service calls the request wrong, with its sentence.
        """
        if not self._breaker.may_try():
            raise AwayError("the recommender failed a moment ago")
        try:
            slate = _slate(await self._predicted(orjson.dumps({"instances": [request]}), due))
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
        due = time.monotonic() + REASON_SECONDS
        answer = await self._called(EXPLAIN, orjson.dumps({"instances": [asked]}), due)
        try:
            account = answer["explanations"][0]
        except (KeyError, IndexError, TypeError) as error:
            raise AwayError("the recommender's answer makes no sense") from error
        if not isinstance(account, dict):
            raise AwayError("the recommender's answer makes no sense")
        return account

    async def close(self) -> None:
        """Close the connections."""
        if self._channel is not None:
            await self._channel.close()

    async def _predicted(self, body: bytes, due: float) -> Any:
        self._hedges.note()
        return await hedged(lambda: self._called(PREDICT, body, due), self._hedge_seconds, self._may_hedge)

    def _may_hedge(self) -> bool:
        may = self._hedges.take()
        if may:
            self._recorder.record(HEDGES, 1)
        return may

    async def _called(self, method: str, body: bytes, due: float) -> Any:
        try:
            with tracing.sent(path_of(method)[1:]):
                reply = await self._sent(method, body, due)
        except aio.AioRpcError as error:
            if refusal := REFUSALS.get(error.code()):
                raise refusal(error.details() or "the request is wrong") from error
            raise AwayError(f"the recommender does not answer ({error.code().name})") from error
        try:
            return orjson.loads(reply)
        except ValueError as error:
            raise AwayError("the recommender's answer is not JSON") from error

    async def _sent(self, method: str, body: bytes, due: float) -> bytes:
        """Send a request, once more where a connection was closed under it."""
        if self._channel is None:
            self._channel = aio.insecure_channel(self._target, self._options)
        call = self._channel.unary_unary(path_of(method))
        metadata = tracing.carried()
        try:
            reply: bytes = await call(body, timeout=due - time.monotonic(), metadata=metadata)
        except aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            reply = await call(body, timeout=due - time.monotonic(), metadata=metadata)
        return reply


def _slate(answer: Any) -> dict[str, Any]:
    """Return the one slate of an answer.

    Raises:
        AwayError: It is none.
    """
    try:
        (slate,) = answer["predictions"]
        tracks = slate["tracks"]
        is_whole = isinstance(slate, dict) and isinstance(tracks, list) and all(map(_is_whole, tracks))
        is_whole = is_whole and isinstance(slate[c.SLATE_ID], str) and "fallback" in slate
    except (KeyError, ValueError, TypeError) as error:
        raise AwayError("the recommender's answer makes no sense") from error
    if not is_whole:
        raise AwayError("the recommender's answer makes no sense")
    return dict(slate)


def _is_whole(track: Any) -> bool:
    """Return whether a track has what its exposure is made of."""
    return isinstance(track[c.TRACK_ID], str) and isinstance(track[c.PROPENSITY], int | float)
