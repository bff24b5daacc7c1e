"""V1's predict for plain JSON, past KServe's application and data plane: it does the same at a fraction of the cost.

CloudEvents, other kinds of bodies and all other routes stay with KServe.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson
from kserve import Model
from kserve.errors import InvalidInput
from kserve.utils.utils import is_structured_cloudevent

from serving.asgi import Headers, is_json
from serving.short_way import FAULT, POST, Call, Reply, has_length, reply_to

OF_EVENTS: Final = b"ce-"  # what the headers of a binary CloudEvent begin with


def plain_predict(model: Model, status: Mapping[type[Exception], int]) -> Callable[[Call], Awaitable[Reply]]:
    """Return what replies to plain requests with a model's predictions.

    Args:
        model: Predicts.
        status: Of its exceptions; any other is our own fault, a 500.
    """

    async def predicted(call: Call) -> Reply:
        try:
            return Reply(await model.predict(_payload(call.body)))
        except Exception as error:  # noqa: BLE001 (nobody above answers)
            return reply_to(error, status, FAULT)

    return predicted


def is_plain(url: bytes, most: int) -> Callable[[bytes, bytes, Headers], bool]:
    """Return what tells a plain request: a POST to a URL, of at most so many bytes, which KServe, too, would read as JSON."""

    def plain(method: bytes, target: bytes, headers: Headers) -> bool:
        return target == url and method == POST and has_length(headers, most) and _says_json(headers)

    return plain


def _says_json(headers: Headers) -> bool:
    return all(
        is_json(value) if name == b"content-type" else not name.startswith(OF_EVENTS)
        for name, value in headers
    )


def _payload(body: bytearray) -> Any:
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"Unrecognized request format: {error}") from error
    is_event = isinstance(payload, dict) and is_structured_cloudevent(payload)
    return payload["data"] if is_event else payload
