"""A gateway in the test's own process, and recommenders that answer what a test wants."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx

from crossfade.experiments.spec import Experiment
from crossfade.recommender.workspace import Workspace
from crossfade.schema.exposition import Exposition
from crossfade.schema.metrics import SERVING_METRICS
from crossfade.schema.serving_settings import ServingSettings
from crossfade.schema.settings import load_settings
from crossfade.store.contract import SlateStore
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.redis_store import RedisStore
from serving.gateway.app import Parts, app_of
from serving.gateway.champion import Champion
from serving.gateway.exposures import Exposures, FileSink
from serving.gateway.manifests import Manifests
from serving.gateway.screens import screens_of
from serving.gateway.stored import Stored
from serving.gateway.variants import Variants
from serving.rpc import EXPLAIN, PREDICT, SERVICE

NOWHERE = "grpc://127.0.0.1:9"  # nobody listens at the discard port


def chosen(*assignments: str) -> ServingSettings:
    return load_settings(None, [f"serving.{each}" for each in assignments]).serving


PATIENT = chosen("budget_ms=60000", "hedge_ms=60000")  # a busy machine must not turn answers into fallbacks


class Gateway:
    """A gateway in this process, over ASGI."""

    def __init__(
        self,
        workspace: Workspace,
        url: str,
        settings: ServingSettings,
        store: SlateStore | None,
        experiments: Sequence[Experiment] | Path,
    ) -> None:
        self.exposition = Exposition(SERVING_METRICS)
        backend = store or EmbeddedStore(workspace.store)
        self.shown = workspace.path / "shown.jsonl"
        sink = FileSink(self.shown, self.exposition)
        exposures = Exposures(sink, settings.exposure_queue, self.exposition)
        given = [] if isinstance(experiments, Path) else experiments
        variants = Variants(url, given, settings, self.exposition)
        self.parts = Parts(
            variants,
            Stored(backend, is_remote=isinstance(store, RedisStore), retry_ms=settings.retry_ms),
            Champion(None, workspace),
            exposures,
            self.exposition,
            screens_of(workspace, None, settings, self.exposition),
            Manifests(experiments, variants, self.exposition) if isinstance(experiments, Path) else None,
        )
        self.app, self.short = app_of(self.parts, settings)
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://gateway")

    async def recommend(self, **request: object) -> dict[str, Any]:
        response = await self.client.post("/v1/recommend", json=request)
        assert response.status_code == 200, response.text
        found = response.json()
        assert isinstance(found, dict)
        return found

    async def close(self) -> None:
        await self.parts.variants.close()
        self.parts.stored.close()
        self.parts.exposures.close()
        self.parts.screens.log.close()


# What a service answers, as HTTP has words for it.
CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
}


@contextmanager
def service(answer: Callable[[], tuple[int, bytes]]) -> Iterator[str]:
    """A recommender that answers every call with what a function says: bytes, or the code and sentence of an error."""

    def answered(_: bytes, context: grpc.ServicerContext) -> bytes:
        status, body = answer()
        if status != 200:
            context.abort(CODES[status], json.loads(body).get("error", ""))
        return body

    methods = {name: grpc.unary_unary_rpc_method_handler(answered) for name in (PREDICT, EXPLAIN)}
    server = grpc.server(ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"grpc://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def in_loop(
    workspace: Workspace,
    test: Callable[[Gateway], Any],
    *,
    url: str = NOWHERE,
    settings: ServingSettings | None = None,
    store: SlateStore | None = None,
    experiments: Sequence[Experiment] | Path = (),
) -> None:
    async def run() -> None:
        gateway = Gateway(workspace, url, settings or PATIENT, store, experiments)
        try:
            await test(gateway)
        finally:
            await gateway.close()

    asyncio.run(run())


def ids(found: dict[str, Any]) -> list[str]:
    return [track["track_id"] for track in found["tracks"]]
