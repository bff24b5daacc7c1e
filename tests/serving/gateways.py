"""A gateway in the test's own process, and recommenders that answer what a test wants."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from crossfade.recommender.workspace import Workspace
from crossfade.schema.exposition import Exposition
from crossfade.schema.metrics import SERVING_METRICS
from crossfade.schema.serving_settings import ServingSettings
from crossfade.schema.settings import load_settings
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.redis_store import RedisStore
from serving.gateway.app import Parts, app_of
from serving.gateway.champion import Champion
from serving.gateway.exposures import Exposures, FileSink
from serving.gateway.screens import screens_of
from serving.gateway.stored import Stored
from serving.gateway.variants import Experiment, Variants

NOWHERE = "http://127.0.0.1:9"  # nobody listens at the discard port


def chosen(*assignments: str) -> ServingSettings:
    return load_settings(None, [f"serving.{each}" for each in assignments]).serving


class Gateway:
    """A gateway in this process, over ASGI."""

    def __init__(
        self,
        workspace: Workspace,
        url: str,
        settings: ServingSettings,
        store: RedisStore | None,
        experiments: Sequence[Experiment],
    ) -> None:
        self.exposition = Exposition(SERVING_METRICS)
        backend = store or EmbeddedStore(workspace.store)
        self.shown = workspace.path / "shown.jsonl"
        sink = FileSink(self.shown, self.exposition)
        exposures = Exposures(sink, settings.exposure_queue, self.exposition)
        self.parts = Parts(
            Variants(url, experiments, settings, self.exposition),
            Stored(backend, is_remote=store is not None, retry_ms=settings.retry_ms),
            Champion(None, workspace),
            exposures,
            self.exposition,
            screens_of(workspace, None, settings, self.exposition),
        )
        transport = httpx.ASGITransport(app_of(self.parts, settings), raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://gateway")

    async def recommend(self, **request: object) -> dict[str, Any]:
        response = await self.client.post("/v1/recommend", json=request)
        assert response.status_code == 200, response.text
        found = response.json()
        assert isinstance(found, dict)
        return found

    async def close(self) -> None:
        await self.parts.variants.close()
        self.parts.exposures.close()
        self.parts.screens.log.close()


@contextmanager
def service(answer: Callable[[], tuple[int, bytes]]) -> Iterator[str]:
    """A recommender that answers every POST with what a function says."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            status, body = answer()
            try:
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                pass  # the client has given up

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def in_loop(
    workspace: Workspace,
    test: Callable[[Gateway], Any],
    *,
    url: str = NOWHERE,
    settings: ServingSettings | None = None,
    store: RedisStore | None = None,
    experiments: Sequence[Experiment] = (),
) -> None:
    async def run() -> None:
        gateway = Gateway(workspace, url, settings or chosen(), store, experiments)
        try:
            await test(gateway)
        finally:
            await gateway.close()

    asyncio.run(run())


def ids(found: dict[str, Any]) -> list[str]:
    return [track["track_id"] for track in found["tracks"]]
