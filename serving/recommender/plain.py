"""V1's predict for plain JSON, past KServe's application and data plane: it does the same at a fraction of the cost.

CloudEvents, other kinds of bodies and all other routes stay with KServe.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from kserve import Model
from kserve.errors import InvalidInput
from kserve.utils.utils import is_structured_cloudevent
from starlette.requests import ClientDisconnect

from serving.asgi import App, Receive, Scope, TooLargeError, is_json
from serving.direct import Direct, Reply, Shortcut

OF_EVENTS: Final = b"ce-"  # what the headers of a binary CloudEvent begin with


def plain_predict(model: Model, status: Mapping[type[Exception], int]) -> Direct:
    """Return what answers plain POSTs with a model's predictions.

    Args:
        model: Predicts.
        status: Of its exceptions.
    """

    async def predicted(_: Scope, receive: Receive) -> Reply:
        return Reply(await model.predict(_payload(await _body(receive))))

    fault = "The server failed; it has noted why."
    return Direct(predicted, status, fault=fault, passed=(TooLargeError, ClientDisconnect))


def shortcut(app: App, plain: App, name: str) -> Shortcut:
    """Return KServe's application with a short way for plain POSTs to predict of the model of a name."""
    path = f"/v1/models/{name}:predict"
    return Shortcut(app, plain, lambda scope: scope["path"] == path and _is_plain(scope))


def _is_plain(scope: Scope) -> bool:
    """Return whether KServe, too, would read the request as plain JSON."""
    return scope["method"] == "POST" and all(
        is_json(value) if name == b"content-type" else not name.startswith(OF_EVENTS)
        for name, value in scope["headers"]
    )


async def _body(receive: Receive) -> bytes:
    pieces, is_whole = [], False
    while not is_whole:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        is_whole = not message.get("more_body", False)
    return b"".join(pieces)


def _payload(body: bytes) -> Any:
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"Unrecognized request format: {error}") from error
    is_event = isinstance(payload, dict) and is_structured_cloudevent(payload)
    return payload["data"] if is_event else payload
