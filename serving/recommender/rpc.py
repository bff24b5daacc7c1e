"""Answers the gateway's calls: the JSON of V1 in, the JSON of V1 out."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc
import orjson
from kserve.errors import InvalidInput

from crossfade.schema.errors import InputError, NotFoundError
from crossfade.schema.metrics import HTTP_REQUESTS, HTTP_SECONDS, Recorder
from serving import tracing
from serving.asgi import GONE
from serving.recommender.model import RecommenderModel
from serving.recommender.wire import sentence
from serving.rpc import EXPLAIN, PREDICT, SERVICE, path_of

logger = logging.getLogger(__name__)

# The one table of exceptions, gRPC's codes, and the statuses that HTTP has for them; all else is our own fault.
CODES: Final = {
    NotFoundError: (grpc.StatusCode.NOT_FOUND, "404"),
    InputError: (grpc.StatusCode.INVALID_ARGUMENT, "400"),
    InvalidInput: (grpc.StatusCode.INVALID_ARGUMENT, "400"),
    orjson.JSONDecodeError: (grpc.StatusCode.INVALID_ARGUMENT, "400"),
}

Answer = Callable[[Any], Awaitable[Any]]


def handler_of(model: RecommenderModel, recorder: Recorder) -> grpc.GenericRpcHandler:
    """Return what a server of `grpc.aio` answers the gateway with.

    Args:
        model: Answers.
        recorder: Told of each call, under the status that HTTP would have given.
    """
    methods = {PREDICT: ("predict", model.predict), EXPLAIN: ("explain", model.explain)}
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            name: grpc.unary_unary_rpc_method_handler(_answering(name, route, answer, recorder))
            for name, (route, answer) in methods.items()
        },
    )


def _answering(
    name: str, route: str, answer: Answer, recorder: Recorder
) -> Callable[[bytes, Any], Awaitable[bytes]]:
    async def answered(body: bytes, context: Any) -> bytes:
        started, status = time.monotonic(), "500"
        try:
            with tracing.received(path_of(name)[1:], context.invocation_metadata() or ()):
                reply = orjson.dumps(await answer(orjson.loads(body)))
            status = "200"
            return reply
        except asyncio.CancelledError:  # the caller has given up, or another server was faster
            status = str(GONE)
            raise
        except tuple(CODES) as error:
            code, status = next(told for kind, told in CODES.items() if isinstance(error, kind))
            await context.abort(code, sentence(error))
        except Exception:
            logger.exception("A call failed.")
            await context.abort(grpc.StatusCode.INTERNAL, "The server failed; it has noted why.")
        finally:
            recorder.record(HTTP_REQUESTS, 1, route=route, status=status)
            recorder.record(HTTP_SECONDS, time.monotonic() - started, route=route)
        raise AssertionError("abort raises")

    return answered
