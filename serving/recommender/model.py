"""The KServe model: V1 and V2 (Open Inference Protocol) around one batcher."""

import asyncio
import struct
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from uuid import uuid4

import orjson
from kserve import InferOutput, InferRequest, InferResponse, Model
from kserve.errors import InvalidInput

from crossfade.recommender.surfaces import surface_of
from crossfade.recommender.why import why
from crossfade.schema.errors import InputError
from crossfade.schema.metrics import Recorder
from crossfade.schema.serving_settings import ServingSettings
from crossfade.schema.tables import Surface
from serving import one_core
from serving.recommender.answering import Answering
from serving.recommender.batcher import Batcher, Slate
from serving.recommender.held import Holder
from serving.recommender.replies import Replies
from serving.recommender.wire import asked_of, sentence

NAME: Final = "crossfade"
REQUESTS: Final = "requests"
SLATES: Final = "slates"


class RecommenderModel(Model):  # type: ignore[misc]
    """One bundle behind KServe's protocols. The base class saves us the protocols' plumbing.

    Args:
        holder: Whose bundle answers.
        settings: Limits.
        recorder: Told of requests.
    """

    def __init__(self, holder: Holder, settings: ServingSettings, recorder: Recorder) -> None:
        super().__init__(NAME)
        self._holder, self._settings = holder, settings
        self._answering = Answering(holder, recorder)
        self._batcher = Batcher(self._answering.all, self._answering.stand_in, settings, recorder)
        self._replies = Replies(settings)
        self._explaining = ThreadPoolExecutor(1, "why", one_core.free)
        self.ready = True

    async def predict(
        self,
        payload: dict[str, Any] | InferRequest,
        headers: Mapping[str, str] | None = None,  # noqa: ARG002 (KServe's signature)
        response_headers: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> dict[str, Any] | InferResponse:
        """Answer requests.

        Args:
            payload: V1: `{"instances": [request, ...]}`. V2: a BYTES tensor `requests` [n] of JSON objects.
            headers: Not read.
            response_headers: Not written.

        Returns:
            V1: `{"predictions": [slate, ...]}`. V2: a BYTES tensor `slates` [n] of JSON objects.

        Raises:
            InvalidInput: A request is wrong; one sentence.
        """
        try:
            if isinstance(payload, InferRequest):
                slates = await self._slates(_objects(payload))
                return _response(payload, slates)
            return {"predictions": await self._slates(_instances(payload))}
        except InputError as error:
            raise InvalidInput(sentence(error)) from error

    async def explain(
        self,
        payload: dict[str, Any],
        headers: Mapping[str, str] | None = None,  # noqa: ARG002 (KServe's signature)
    ) -> dict[str, Any]:
        """Account for tracks, V1 only: `{"instances": [{"user_id", "track_id", "surface"}]}`.

        Raises:
            NotFoundError: The bundle does not know the user or the track.
            InputError: A request is wrong.
        """
        asked = [_why_asked(values, f"instances[{i}]") for i, values in enumerate(_instances(payload))]
        self._require_few(asked)
        recommender, loop = self._holder.held.recommender, asyncio.get_running_loop()
        accounts = [await loop.run_in_executor(self._explaining, why, recommender, *each) for each in asked]
        return {"explanations": [account.as_json() for account in accounts]}

    async def _slates(self, values: Sequence[object]) -> list[Slate]:
        self._require_few(values)
        asked = [asked_of(each, f"request {i}", self._settings) for i, each in enumerate(values)]
        if len(asked) == 1:
            return [await self._replies.once(asked[0], self._batcher.ask)]
        return list(await asyncio.gather(*(self._replies.once(each, self._batcher.ask) for each in asked)))

    def _require_few(self, values: Sequence[object]) -> None:
        if not 1 <= len(values) <= self._settings.max_requests:
            raise InputError(f"A call holds 1 to {self._settings.max_requests} requests, got {len(values)}.")


def _instances(payload: object) -> list[object]:
    instances = payload.get("instances") if isinstance(payload, dict) else None
    if not isinstance(instances, list):
        raise InputError(
            'The body must be JSON such as {"instances": [{"surface": "radio"}]}, sent as application/json.'
        )
    return instances


def _objects(payload: InferRequest) -> list[object]:
    """Read the requests of a V2 call."""
    tensors = [tensor for tensor in payload.inputs if tensor.name == REQUESTS]
    if len(tensors) != 1 or tensors[0].datatype != "BYTES" or len(tensors[0].shape) != 1:
        raise InputError(f"A V2 call needs one input {REQUESTS!r} of datatype BYTES and shape [n].")
    try:
        texts = [bytes(text) if isinstance(text, bytes) else text.encode() for text in tensors[0].as_numpy()]
        return [orjson.loads(text) for text in texts]
    except (ValueError, AttributeError, TypeError, struct.error, InvalidInput) as error:
        raise InputError(f"Input {REQUESTS!r} must hold JSON objects as text: {error}.") from error


def _response(payload: InferRequest, slates: list[Slate]) -> InferResponse:
    texts = [orjson.dumps(slate).decode() for slate in slates]
    return InferResponse(
        payload.id or uuid4().hex,  # a request need not have one, an answer must
        NAME,
        [InferOutput(SLATES, [len(texts)], "BYTES", texts)],
        from_grpc=payload.from_grpc,
        use_binary_outputs=payload.use_binary_outputs,
        requested_outputs=payload.request_outputs,
    )


def _why_asked(values: object, place: str) -> tuple[str, str, Surface]:
    if not isinstance(values, dict):
        raise InputError(f"{place}: needs an object with user_id, track_id and surface.")
    user, track, surface = (values.get(key) for key in ("user_id", "track_id", "surface"))
    if not (isinstance(user, str) and isinstance(track, str) and isinstance(surface, str)):
        raise InputError(f"{place}: user_id, track_id and surface must be texts.")
    return user, track, surface_of(surface)
