"""The recommender's server over a model that answers at once: `python -m benchmarks.serving.echo REST_PORT RPC_PORT`."""

import logging
import sys
import warnings
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import orjson
from kserve import InferOutput, InferRequest, InferResponse, Model

from crossfade.schema.exposition import Exposition
from crossfade.schema.metrics import SERVING_METRICS
from crossfade.schema.settings import default_settings
from serving.recommender.server import Address, RecommenderServer

if TYPE_CHECKING:
    from serving.recommender.held import Holder

NAME = "crossfade"
TRACK = {
    "track_id": "t1234567", "title": "A title of usual length", "artist": "An artist", "score": 0.123456,
    "source": "session_knn", "propensity": 1.0, "reason": None,
}  # fmt: skip
SLATE = {
    "request_id": "0123456789abcdef0123456789abcdef", "user_id": "u1234567", "surface": "radio",
    "slate_id": "0123456789abcdef01234567", "bundle": "0123456789abcdef", "fallback": None, "tracks": [TRACK] * 10,
}  # fmt: skip


class Echo(Model):  # type: ignore[misc]
    """Answers every request with the same ten tracks; KServe's base class is what is measured."""

    def __init__(self) -> None:
        super().__init__(NAME)
        self.ready = True

    async def predict(self, payload: Any, *_: object, **__: object) -> Any:
        """Read the requests, as any model must, and answer."""
        if isinstance(payload, InferRequest):
            asked = [orjson.loads(bytes(text)) for text in payload.inputs[0].as_numpy()]
            texts = [orjson.dumps(SLATE).decode()] * len(asked)
            outputs = [InferOutput("slates", [len(texts)], "BYTES", texts)]
            return InferResponse(payload.id, NAME, outputs, from_grpc=payload.from_grpc)
        return {"predictions": [SLATE] * len(payload["instances"])}

    async def explain(self, payload: Any, *_: object) -> Any:
        """Answer nothing: it is not measured."""
        return {"explanations": [None] * len(payload["instances"])}


def main(rest_port: int, rpc_port: int) -> None:
    """Serve until SIGTERM, as quietly as the service itself."""
    logging.basicConfig(level=logging.WARNING)
    warnings.filterwarnings("ignore", "ORJSONResponse is deprecated")
    holder = cast("Holder", SimpleNamespace(refresh=lambda: True, as_json=dict))
    address = Address("127.0.0.1", rest_port, rpc_port)
    server = RecommenderServer(address, holder, default_settings().serving, Exposition(SERVING_METRICS))
    server.start(Echo())


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
