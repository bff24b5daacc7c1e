"""The receiver's routes: alerts in, health and metrics out."""

import hmac
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from crossfade.schema.errors import CrossfadeError, InputError
from crossfade.schema.exposition import Exposition
from crossfade.schema.metrics import RETRAINING_ALERTS, RETRAINING_REFUSED
from crossfade.schema.monitoring_settings import ReceiverSettings
from monitoring.receiver.ledger import Ledger
from monitoring.receiver.webhook import read_webhook
from monitoring.receiver.windows import with_windows
from monitoring.receiver.worker import Worker

logger = logging.getLogger(__name__)

KIB: Final = 1024
BEARER: Final = "Bearer "


def app_of(
    ledger: Ledger,
    worker: Worker,
    exposition: Exposition,
    settings: ReceiverSettings,
    *,
    token: str,
    drift: Path,
) -> Starlette:
    """Return the application; the worker runs as long as it does.

    Args:
        ledger: Decides.
        worker: Starts runs.
        exposition: Counts.
        settings: Limits of a message.
        token: What a caller must bear.
        drift: What the last look for drift left (`Workspace.drift_figures`); says in which window a measure moved.
    """
    routes = _Routes(ledger, exposition, settings, token, drift)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        worker.start()
        yield
        await run_in_threadpool(worker.stop)

    handlers: dict[Any, Any] = {CrossfadeError: routes.failed}
    return Starlette(routes=routes.all(), exception_handlers=handlers, lifespan=lifespan)


class _Routes:
    def __init__(
        self, ledger: Ledger, exposition: Exposition, settings: ReceiverSettings, token: str, drift: Path
    ) -> None:
        self._ledger, self._exposition, self._settings = ledger, exposition, settings
        self._drift, self._token = drift, token.encode()

    def all(self) -> list[Route]:
        return [
            Route("/v1/alerts", self.alerts, methods=["POST"]),
            Route("/healthz", self.health),
            Route("/metrics", self.metrics),
        ]

    async def alerts(self, request: Request) -> Response:
        """Take a webhook: 401 without the token, 413 for too much, 400 for what is none, 503 where nothing can be noted."""
        given = request.headers.get("authorization", "")
        borne = given.removeprefix(BEARER).encode() if given.startswith(BEARER) else b""
        if not hmac.compare_digest(borne, self._token):
            return self._refused(401, "Give the receiver's token as: Authorization: Bearer TOKEN.")
        body = await self._body(request)
        if body is None:
            most = self._settings.max_body_kib
            return self._refused(413, f"The body is larger than {most} KiB (receiver.max_body_kib).")
        try:
            alerts = read_webhook(body, self._settings.max_alerts)
        except InputError as error:
            return self._refused(400, str(error))
        told = await run_in_threadpool(with_windows, alerts, self._drift)
        decisions = await run_in_threadpool(self._ledger.take, told, time.time())
        for decision in decisions:
            self._exposition.record(RETRAINING_ALERTS, 1, decision=str(decision))
        return JSONResponse({"decisions": [str(decision) for decision in decisions]})

    async def _body(self, request: Request) -> bytes | None:
        """Return the body, None as soon as it is larger than allowed."""
        found = bytearray()
        async for chunk in request.stream():
            found += chunk
            if len(found) > self._settings.max_body_kib * KIB:
                return None
        return bytes(found)

    def _refused(self, status: int, told: str) -> Response:
        self._exposition.record(RETRAINING_REFUSED, 1, status=str(status))
        return JSONResponse({"error": told}, status)

    async def failed(self, _: Request, error: Exception) -> Response:
        """Ask Alertmanager to come again: it does so after a 5xx."""
        logger.error("Alerts could not be noted: %s", error)
        return self._refused(503, "Alerts could not be noted; the receiver's log says why.")

    async def health(self, _: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def metrics(self, _: Request) -> Response:
        return Response(self._exposition.text(), media_type="text/plain; version=0.0.4")
