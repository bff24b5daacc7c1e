"""The gateway's routes, on Starlette; docs/decisions/0018 says why not on KServe's server."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import orjson
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from crossfade.recommender.surfaces import surface_of
from crossfade.schema import columns as c
from crossfade.schema.errors import InputError, NotFoundError
from crossfade.schema.exposition import Exposition
from crossfade.schema.serving_settings import ServingSettings
from serving.asgi import Guard, Headers
from serving.gateway.answers import Answers
from serving.gateway.champion import Champion
from serving.gateway.exposures import Exposures
from serving.gateway.manifests import Manifests
from serving.gateway.online import AwayError
from serving.gateway.openapi import document
from serving.gateway.rate import Rates
from serving.gateway.rendering import warm
from serving.gateway.screens import Screens
from serving.gateway.stored import Stored
from serving.gateway.variants import Variants
from serving.recommender.wire import sentence
from serving.short_way import Call, Reply, ShortWay, has_body, reply_to

logger = logging.getLogger(__name__)

# The one table of exceptions and status codes; everything else is our own fault, a 500 that tells nothing.
STATUS: Final = {NotFoundError: 404, InputError: 400, AwayError: 503}

FAULT: Final = "The gateway failed; it has noted why."
PLAYLIST: Final = "playlist"  # the route's name
TOO_MANY: Final = Reply({"error": "Too many requests; slow down."}, 429, ((b"retry-after", b"1"),))

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Parts:
    """What the gateway is made of; it closes them when it ends.

    `manifests` are those of the experiments, None where there are none to follow.
    """

    variants: Variants
    stored: Stored
    champion: Champion
    exposures: Exposures
    exposition: Exposition
    screens: Screens
    manifests: Manifests | None = None


def app_of(parts: Parts, settings: ServingSettings) -> tuple[Starlette, ShortWay]:
    """Return the gateway's application, which has nothing left to make when requests come, and its short way."""
    warm()
    answers = Answers(
        parts.variants,
        parts.stored,
        lambda: parts.champion.popular,
        exposures=parts.exposures,
        settings=settings,
        recorder=parts.exposition,
    )
    routes = _Routes(answers, parts, Rates(settings))
    guard = partial(Guard, max_body_kib=settings.max_body_kib, recorder=parts.exposition, route_of=route_of)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        following = [
            asyncio.create_task(part.follow(settings.watch_seconds))
            for part in (parts.champion, parts.screens, parts.manifests)
            if part is not None
        ]
        yield
        for task in following:
            task.cancel()
        await parts.variants.close()
        parts.stored.close()
        await asyncio.to_thread(parts.exposures.close)
        await asyncio.to_thread(parts.screens.log.close)

    handlers: dict[Any, Any] = {kind: _told(status) for kind, status in STATUS.items()}
    handlers |= {HTTPException: _http_error, Exception: _own_fault}
    middleware = [Middleware(guard)]
    app = Starlette(
        routes=routes.all(), middleware=middleware, exception_handlers=handlers, lifespan=lifespan
    )
    # Tens of millions ask for their playlist on a Monday.
    return app, ShortWay(is_playlist, routes.plain_playlist, PLAYLIST, parts.exposition)


class _Routes:
    """The endpoints; each takes a token of its client's first."""

    def __init__(self, answers: Answers, parts: Parts, rates: Rates) -> None:
        self._answers, self._parts, self._rates = answers, parts, rates

    def all(self) -> list[Route]:
        return [  # tried in this order
            Route("/v1/users/{user}/playlists/{surface}", self._limited(self.playlist)),
            Route("/v1/recommend", self._limited(self.recommend), methods=["POST"]),
            Route("/v1/home", self._limited(self.home), methods=["POST"]),
            Route("/v1/home/{slate}/opened", self._limited(self.opened), methods=["POST"]),
            Route("/v1/users/{user}/why/{track}", self._limited(self.why)),
            Route("/healthz", self.health),
            Route("/readyz", self.ready),
            Route("/metrics", self.metrics),
            Route("/openapi.json", self.openapi),
        ]

    def _limited(self, endpoint: Endpoint) -> Endpoint:
        async def limited(request: Request) -> Response:
            client = request.client.host if request.client else ""
            return await endpoint(request) if self._rates.allows(client) else _response(TOO_MANY)

        return limited

    async def recommend(self, request: Request) -> Response:
        return _json(await self._answers.recommend(await _values(request)))

    async def home(self, request: Request) -> Response:
        return _json(self._parts.screens.screen(await _values(request)))

    async def opened(self, request: Request) -> Response:
        self._parts.screens.opened(request.path_params["slate"], await _values(request))
        return _json({"noted": True}, 202)

    async def playlist(self, request: Request) -> Response:
        path, is_shown = request.path_params, request.method != "HEAD"
        found = self._playlist(path["user"], path[c.SURFACE], request.query_params, is_shown=is_shown)
        return _json(await found)

    async def plain_playlist(self, call: Call) -> Reply:
        """Answer past the framework."""
        try:
            if not self._rates.allows(call.client):
                return TOO_MANY
            path, _, query = call.url.decode("ascii").partition("?")
            *_before, user, _playlists, name = path.split("/")
            return Reply(await self._playlist(user, name, QueryParams(query) if query else {}))
        except Exception as error:  # noqa: BLE001 (nobody above answers)
            return reply_to(error, STATUS, FAULT)

    async def _playlist(
        self, user: str, name: str, query: Mapping[str, str], *, is_shown: bool = True
    ) -> dict[str, Any]:
        country, zone = query.get(c.COUNTRY) or None, query.get(c.TIME_ZONE) or None
        surface = surface_of(name.replace("-", "_"))
        return await self._answers.playlist(user, surface, country, zone, is_shown=is_shown)

    async def why(self, request: Request) -> Response:
        surface = surface_of(request.query_params.get("surface", "discover_weekly").replace("-", "_"))
        path = request.path_params
        return _json(await self._answers.why(path["user"], path["track"], surface))

    async def health(self, _: Request) -> Response:
        return _json({"status": "alive"})

    async def ready(self, _: Request) -> Response:
        """Ready whenever it runs: without its parts it answers by fallbacks."""
        parts = {**self._parts.variants.well, "store": self._parts.stored.is_well}
        if self._parts.manifests is not None:
            parts["experiments"] = self._parts.manifests.is_well
        return _json({"status": "ready", "bundle": self._parts.champion.popular.bundle, "well": parts})

    async def metrics(self, _: Request) -> Response:
        return Response(self._parts.exposition.text(), media_type="text/plain; version=0.0.4")

    async def openapi(self, _: Request) -> Response:
        return _json(document())


def is_playlist(method: bytes, url: bytes, headers: Headers) -> bool:
    """Return whether it is a GET of /v1/users/{user}/playlists/{surface}, of which nothing but the query is encoded."""
    if method != b"GET" or not url.startswith(b"/v1/users/") or b"#" in url or not url.isascii():
        return False
    words = url.partition(b"?")[0].split(b"/")
    is_route = len(words) == 6 and words[4] == b"playlists" and bool(words[3] and words[5])
    return is_route and b"%" not in words[3] + words[5] and not has_body(headers)


def route_of(path: str) -> str:
    """Name the route of a path; the names are few."""
    words = path.split("/")
    if path in ("/v1/recommend", "/v1/home"):
        return words[2]
    if len(words) == 5 and path.startswith("/v1/home/"):
        return "opened" if words[4] == "opened" else "other"
    if len(words) == 6 and path.startswith("/v1/users/"):
        return {"playlists": PLAYLIST, "why": "why"}.get(words[4], "other")
    return words[1] if path in ("/healthz", "/readyz", "/metrics", "/openapi.json") else "other"


async def _values(request: Request) -> object:
    """Return the JSON values of a body.

    Raises:
        InputError: It is not JSON.
    """
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise InputError(f"The body is not JSON: {error}.") from error


def _json(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, "application/json")


def _response(reply: Reply) -> Response:
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    return _json(reply.body, reply.status, headers)


def _told(status: int) -> Any:
    async def handler(_: Request, error: Exception) -> Response:
        return _json({"error": sentence(error)}, status)

    return handler


async def _http_error(_: Request, error: HTTPException) -> Response:
    return _json({"error": error.detail}, error.status_code, dict(error.headers or {}))


async def _own_fault(_: Request, error: Exception) -> Response:
    logger.error("A request failed.", exc_info=error)
    return _json({"error": FAULT}, 500)
