"""The short way of requests that come most often: past the framework, whose layers cost as much as such an answer."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from serving.asgi import App, Receive, Scope, Send, respond
from serving.recommender.wire import sentence

logger = logging.getLogger(__name__)

HTTP: Final = "http"


@dataclass(frozen=True)
class Reply:
    """What an endpoint answers; headers are more than the two of every answer."""

    body: object
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Shortcut:
    """Takes some requests past an application.

    Args:
        app: Answers all others, and hears of the server's start and end.
        short: Answers them.
        is_short: Tells an HTTP request that goes the short way.
    """

    def __init__(self, app: App, short: App, is_short: Callable[[Scope], bool]) -> None:
        self._app, self._short, self._is_short = app, short, is_short

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request by one of both."""
        is_short = scope["type"] == HTTP and self._is_short(scope)
        await (self._short if is_short else self._app)(scope, receive, send)


class Direct:
    """Sends what an endpoint replies, or its error in a sentence.

    Args:
        endpoint: Answers a request.
        status: Of its exceptions; any other is our own fault, a 500.
        fault: What is told of one.
    """

    def __init__(
        self,
        endpoint: Callable[[Scope, Receive], Awaitable[Reply]],
        status: Mapping[type[Exception], int],
        *,
        fault: str,
    ) -> None:
        self._endpoint, self._status, self._fault = endpoint, status, fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            reply = await self._endpoint(scope, receive)
        except Exception as error:  # noqa: BLE001 (nobody above answers)
            reply = reply_to(error, self._status, self._fault)
        await respond(send, reply.status, reply.body, headers=reply.headers)


def reply_to(error: Exception, status: Mapping[type[Exception], int], fault: str) -> Reply:
    """Return what is told of an error.

    Args:
        error: That an endpoint raised.
        status: Of exceptions; any other is our own fault, a 500.
        fault: What is told of one.
    """
    for kind in type(error).__mro__:
        if kind in status:
            return Reply({"error": sentence(error)}, status[kind])
    logger.error("A request failed.", exc_info=error)
    return Reply({"error": fault}, 500)
