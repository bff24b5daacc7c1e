"""Event loops that tests run on: those that uvicorn takes."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import uvloop

LOOPS = ("asyncio", "uvloop")  # uvicorn takes the second where it is installed


def runs(test: Coroutine[Any, Any, None], loop: str = "asyncio") -> None:
    factory = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}[loop]
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(test)
