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
from serving.direct import Reply, reply_to
from serving.short_way import FAULT

OF_EVENTS: Final = b"ce-"  # what the headers of a binary CloudEvent begin with


def plain_predict(model: Model, status: Mapping[type[Exception], int]) -> Callable[[bytes], Awaitable[Reply]]:
    """Return what replies to plain bodies with a model's predictions.

    Args:
        model: Predicts.
        status: Of its exceptions; any other is our own fault, a 500.
    """

    async def predicted(body: bytes) -> Reply:
        try:
            return Reply(await model.predict(_payload(body)))
        except Exception as error:  # noqa: BLE001 (nobody above answers)
            return reply_to(error, status, FAULT)

    return predicted


def is_plain(headers: Headers) -> bool:
    """Return whether KServe, too, would read a request with such headers as plain JSON."""
    return all(
        is_json(value) if name == b"content-type" else not name.startswith(OF_EVENTS)
        for name, value in headers
    )


def _payload(body: bytes) -> Any:
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"Unrecognized request format: {error}") from error
    is_event = isinstance(payload, dict) and is_structured_cloudevent(payload)
    return payload["data"] if is_event else payload
