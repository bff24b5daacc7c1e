"""An application behind uvicorn in the test's own process, with its short way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from serving.bounded import protocol_of
from serving.ports import free_port
from serving.short_way import ShortWay
from tests.serving.conftest import LOOPBACK


@asynccontextmanager
async def listening(app: Any, short: ShortWay) -> AsyncIterator[int]:
    """Answer on a port of loopback for the block."""
    port = free_port(LOOPBACK)
    config = uvicorn.Config(app, LOOPBACK, port, http=protocol_of(short), lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield port
    server.should_exit = True
    await asyncio.wait_for(serving, 10)
