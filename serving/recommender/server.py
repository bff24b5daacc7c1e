"""KServe's server, bound where we say, quiet on the hot path, and without an exception's text for its own faults."""

import asyncio
import logging
import signal
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import fastapi
import grpc
from fastapi.exceptions import RequestValidationError
from grpc import aio
from kserve import ModelRepository, ModelServer
from kserve.errors import (
    InvalidInput,
    ModelNotFound,
    ModelNotReady,
    ServerNotLive,
    ServerNotReady,
    UnsupportedProtocol,
)
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc
from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor
from kserve.protocol.grpc.servicer import InferenceServicer
from kserve.protocol.rest.server import RESTServer
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from crossfade.schema.errors import InputError, NotFoundError
from crossfade.schema.exposition import Exposition
from crossfade.schema.serving_settings import ServingSettings
from serving import one_core
from serving.asgi import KIB, Guard
from serving.bounded import protocol_of
from serving.recommender.held import Holder
from serving.recommender.model import RecommenderModel
from serving.recommender.plain import is_plain, plain_predict
from serving.recommender.rpc import handler_of
from serving.recommender.wire import sentence
from serving.rpc import path_of
from serving.short_way import ShortWay

logger = logging.getLogger(__name__)

APP: Final = "kserve.model_server:app"
# The one table of exceptions and status codes; everything else is our own fault, a 500 that tells nothing.
STATUS: Final[Mapping[type[Exception], int]] = {
    InvalidInput: 400,
    UnsupportedProtocol: 400,
    InputError: 400,
    NotFoundError: 404,
    ModelNotFound: 404,
    NotImplementedError: 501,
    ModelNotReady: 503,
    ServerNotReady: 503,
    ServerNotLive: 503,
}
CODES: Final = {  # of gRPC, for those statuses
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
}
CONNECTION_AGE_MS: Final = 300_000  # then callers look for servers again, and find those that were added
ROUTES: Final = ("predict", "explain", "infer", "ready", "live", "load", "metrics", "bundle")


@dataclass(frozen=True)
class Address:
    """Where the server listens; loopback unless told otherwise."""

    host: str
    http_port: int
    grpc_port: int


class BundleRepository(ModelRepository):  # type: ignore[misc]
    """KServe's model repository over one holder: `load` takes up the champion, `unload` is refused.

    KServe's base saves us the registry of names.
    """

    def __init__(self, holder: Holder) -> None:
        super().__init__()
        self._holder = holder

    async def load(self, name: str) -> bool:  # noqa: ARG002 (KServe's signature)
        """Look for another champion and take it up; True where the wanted bundle answers.

        Raises:
            ServerNotReady: The wanted bundle is refused; the old one goes on answering.
        """
        if not await asyncio.to_thread(self._holder.refresh, at_once=True):
            raise ServerNotReady(f"The bundle is refused: {self._holder.refused}.")
        return True

    def unload(self, name: str) -> None:
        """Refuse: a bundle gives way to another, never to nothing.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(f"{name} cannot be unloaded; a new champion replaces its bundle.")


class RecommenderServer(ModelServer):  # type: ignore[misc]
    """REST and gRPC around one model; drains on SIGTERM. The base class saves us KServe's data plane.

    Args:
        address: Where to listen.
        holder: Whose bundle answers.
        settings: Limits and the time to drain.
        exposition: Shown at `/metrics`.
    """

    def __init__(
        self, address: Address, holder: Holder, settings: ServingSettings, exposition: Exposition
    ) -> None:
        super().__init__(
            http_port=address.http_port,
            grpc_port=address.grpc_port,
            workers=1,
            registered_models=BundleRepository(holder),
            enable_latency_logging=False,
            grace_period=settings.drain_seconds,
        )
        self._address, self._holder, self._settings = address, holder, settings
        self._exposition = exposition

    def start(self, model: RecommenderModel) -> None:
        """Serve until SIGTERM or SIGINT; what is in flight then is answered."""
        self.register_model(model)
        rest = _Rest(self, model, self._address.http_port)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, rest.end)
        with asyncio.Runner(
            loop_factory=rest.config.get_loop_factory()
        ) as runner:  # uvloop, where it is installed
            runner.run(self._run(rest, model))

    async def _run(self, rest: "_Rest", model: RecommenderModel) -> None:
        """Run both servers; uvicorn takes SIGTERM and ends first, then gRPC drains."""
        # To load a bundle is long work, beside the one that answers.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(initializer=one_core.free))
        rpc = _grpc_server(self, handler_of(model, self._exposition))
        await rpc.start()
        watch = asyncio.create_task(self._watch())
        try:
            await rest.start()
        finally:
            watch.cancel()
            await rpc.stop(self._settings.drain_seconds)

    async def _watch(self) -> None:
        """Take up a new champion within `watch_seconds`."""
        while True:
            await asyncio.sleep(self._settings.watch_seconds)
            await asyncio.to_thread(self._holder.refresh)
            one_core.look()

    def guard(self, app: fastapi.FastAPI) -> None:
        """Put limits, counts and our own routes around KServe's app."""
        limits: dict[str, Any] = {"max_body_kib": self._settings.max_body_kib, "recorder": self._exposition}
        app.add_middleware(Guard, **limits, route_of=route_of)
        app.add_api_route("/v1/bundle", self._bundle, methods=["GET"])
        app.router.routes.insert(0, fastapi.routing.APIRoute("/metrics", self._metrics, methods=["GET"]))

    def short_way(self, model: RecommenderModel) -> ShortWay:
        """Return the short way of plain predictions."""
        url, most = f"/v1/models/{model.name}:predict".encode(), self._settings.max_body_kib * KIB
        return ShortWay(is_plain(url, most), plain_predict(model, STATUS), "predict", self._exposition)

    async def _bundle(self) -> dict[str, Any]:
        return self._holder.as_json()

    async def _metrics(self) -> Response:
        return Response(self._exposition.text(), media_type="text/plain; version=0.0.4")


class _Rest(RESTServer):  # type: ignore[misc]
    """KServe's REST server with our address, errors and guard; the base class saves us its routes."""

    def __init__(self, server: RecommenderServer, model: RecommenderModel, port: int) -> None:
        super().__init__(
            APP,
            server.dataplane,
            server.model_repository_extension,
            port,
            grace_period=server.grace_period,
        )
        self._owner = server
        self.config.host, self.config.access_log = server._address.host, False
        self.config.http = protocol_of(server.short_way(model))

    def end(self, *_: object) -> None:
        """Take a signal: uvicorn takes them while it serves, raises them again when it has drained, and gRPC drains then."""
        self._server.should_exit = True  # of one that came before

    def _add_middlewares(self, app: fastapi.FastAPI) -> None:
        self._owner.guard(app)

    def _add_exception_handlers(self, app: fastapi.FastAPI) -> None:
        for kind, status in STATUS.items():
            app.add_exception_handler(kind, _told(status))
        app.add_exception_handler(HTTPException, _http_error)
        app.add_exception_handler(RequestValidationError, _no_request)
        app.add_exception_handler(Exception, _own_fault)


class _KServesErrors(ExceptionToStatusInterceptor):  # type: ignore[misc]
    """KServe's table of exceptions for KServe's methods; the gateway's have their own, and go past it."""

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        if details.method.startswith(path_of("")):
            return await continuation(details)
        return await super().intercept_service(continuation, details)

    async def handle_exception(
        self, ex: Exception, request_or_iterator: Any, context: Any, method_name: str
    ) -> None:
        """Tell by REST's table; the base class fails where an exception has no `reason`."""
        for kind in type(ex).__mro__:
            if kind in STATUS:
                await context.abort(CODES[STATUS[kind]], sentence(ex))
        await super().handle_exception(ex, request_or_iterator, context, method_name)


def _grpc_server(server: RecommenderServer, for_gateway: Any) -> Any:
    """Return the gateway's and KServe's gRPC services bound to our host; requests are bounded as REST bodies are."""
    bound = aio.server(
        interceptors=(_KServesErrors(),),
        options=[
            ("grpc.max_receive_message_length", server._settings.max_body_kib * 1024),
            ("grpc.max_connection_age_ms", CONNECTION_AGE_MS),
        ],
    )
    bound.add_generic_rpc_handlers((for_gateway,))
    servicer = InferenceServicer(server.dataplane, server.model_repository_extension)
    grpc_predict_v2_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, bound)
    bound.add_insecure_port(f"{server._address.host}:{server._address.grpc_port}")
    return bound


def route_of(path: str) -> str:
    """Name the route of a path by its last word, "other" where it is none of ours."""
    word = path.replace(":", "/").rstrip("/").rpartition("/")[2]
    return word if word in ROUTES else "other"


def _told(status: int) -> Any:
    async def handler(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": sentence(error)}, status)

    return handler


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException), "registered for it alone"
    return JSONResponse({"error": error.detail}, error.status_code)


async def _no_request(_: Request, error: Exception) -> JSONResponse:
    """Tell of the first fault alone: the exception's own text goes on with lines of KServe's source."""
    assert isinstance(error, RequestValidationError), "registered for it alone"
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return JSONResponse({"error": f"The request is none of V2's: {place}: {first['msg']}."}, 400)


async def _own_fault(_: Request, error: Exception) -> JSONResponse:
    logger.error("A request failed.", exc_info=error)
    return JSONResponse({"error": "The server failed; it has noted why."}, 500)
