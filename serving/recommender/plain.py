"""V1's predict for plain JSON, past KServe's application and data plane: it does the same at a fraction of the cost.

CloudEvents, other kinds of bodies and all other routes stay with KServe.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final

import orjson
from kserve import Model
from kserve.errors import InvalidInput
from kserve.utils.utils import is_structured_cloudevent
from starlette.requests import ClientDisconnect

from serving.asgi import App, Receive, Scope, Send, TooLargeError, is_json, respond
from serving.recommender.wire import sentence

logger = logging.getLogger(__name__)

OF_EVENTS: Final = b"ce-"  # what the headers of a binary CloudEvent begin with


class Shortcut:
    """Takes plain POSTs of one path past an application.

    Args:
        app: Answers all else.
        plain: Answers them.
        path: Theirs.
    """

    def __init__(self, app: App, plain: App, path: str) -> None:
        self._app, self._plain, self._path = app, plain, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request by one of both."""
        is_ours = scope["type"] == "http" and scope["path"] == self._path and _is_plain(scope)
        await (self._plain if is_ours else self._app)(scope, receive, send)


class PlainPredict:
    """Answers with a model's predictions.

    Args:
        model: Predicts.
        status: Of its exceptions; any other is our own fault, a 500 that tells nothing.
    """

    def __init__(self, model: Model, status: Mapping[type[Exception], int]) -> None:
        self._model, self._status = model, status

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await respond(send, *await self._predicted(receive))

    async def _predicted(self, receive: Receive) -> tuple[int, object]:
        """Return the status and what is answered."""
        try:
            return 200, await self._model.predict(_payload(await _body(receive)))
        except (TooLargeError, ClientDisconnect):
            raise
        except Exception as error:
            status = next((self._status[kind] for kind in type(error).__mro__ if kind in self._status), None)
            if status is not None:
                return status, {"error": sentence(error)}
            logger.exception("A request failed.")
            return 500, {"error": "The server failed; it has noted why."}


def _is_plain(scope: Scope) -> bool:
    """Return whether KServe, too, would read the request as plain JSON."""
    return scope["method"] == "POST" and all(
        is_json(value) if name == b"content-type" else not name.startswith(OF_EVENTS)
        for name, value in scope["headers"]
    )


async def _body(receive: Receive) -> bytes:
    pieces, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)


def _payload(body: bytes) -> Any:
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"Unrecognized request format: {error}") from error
    is_event = isinstance(payload, dict) and is_structured_cloudevent(payload)
    return payload["data"] if is_event else payload
