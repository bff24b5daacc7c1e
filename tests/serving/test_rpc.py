"""What the gateway calls the recommender by: the JSON of V1 over gRPC, errors as codes with a sentence, each call counted."""

import json
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from serving.rpc import EXPLAIN, PREDICT, path_of
from tests.serving.asking import predict
from tests.serving.conftest import Served


@pytest.fixture
def channel(served: Served) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{served.grpc_port}") as found:
        yield found


def called(channel: grpc.Channel, method: str, body: bytes) -> Any:
    return json.loads(channel.unary_unary(path_of(method))(body, timeout=60))


def test_a_call_gives_what_v1_gives(served: Served, channel: grpc.Channel) -> None:
    requests = [
        {"surface": "radio", "user_id": user, "k": 3, "request_id": f"rpc-{user}"} for user in ("u02", "u04")
    ]
    body = json.dumps({"instances": requests}).encode()
    assert called(channel, PREDICT, body) == predict(served, *requests).json()
    asked = [{"user_id": "u04", "track_id": "r01", "surface": "home"}]
    (account,) = called(channel, EXPLAIN, json.dumps({"instances": asked}).encode())["explanations"]
    assert account["track_id"] == "r01"


@pytest.mark.parametrize(
    ("method", "body", "code", "sentence"),
    [
        (PREDICT, b"{", "INVALID_ARGUMENT", "unexpected end of data"),
        (PREDICT, b"[]", "INVALID_ARGUMENT", 'The body must be JSON such as {"instances"'),
        (PREDICT, b'{"instances": [{"surface": "jukebox"}]}', "INVALID_ARGUMENT", "Surface 'jukebox'"),
        (PREDICT, b" " * 300_000, "RESOURCE_EXHAUSTED", "larger than max"),
        (
            EXPLAIN,
            b'{"instances": [{"user_id": "no", "track_id": "r01", "surface": "home"}]}',
            "NOT_FOUND",
            "User 'no' is not in bundle",
        ),
        ("Sing", b"{}", "UNIMPLEMENTED", ""),
    ],
)
def test_errors_are_codes_with_a_sentence(
    channel: grpc.Channel, method: str, body: bytes, code: str, sentence: str
) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        called(channel, method, body)
    assert refused.value.code().name == code
    assert sentence in refused.value.details()


def test_calls_are_counted_as_http_counts_them(served: Served, channel: grpc.Channel) -> None:
    def counted(status: str) -> float:
        name = f'crossfade_http_requests_total{{route="predict",status="{status}"}}'
        lines = served.recommender.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    before = counted("200"), counted("400")
    called(channel, PREDICT, b'{"instances": [{"surface": "home"}]}')
    with pytest.raises(grpc.RpcError):
        called(channel, PREDICT, b"{")
    assert (counted("200"), counted("400")) == (before[0] + 1, before[1] + 1)


def test_an_own_fault_tells_nothing() -> None:
    import asyncio

    from crossfade.schema.exposition import Exposition
    from crossfade.schema.metrics import SERVING_METRICS
    from serving.recommender.rpc import handler_of

    class Broken:
        async def predict(self, _: object) -> None:
            raise RuntimeError("secret")

        explain = predict

    async def run() -> grpc.aio.AioRpcError:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((handler_of(Broken(), Exposition(SERVING_METRICS)),))  # type: ignore[arg-type]
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await channel.unary_unary(path_of(PREDICT))(b"{}")
        await server.stop(None)
        return refused.value

    error = asyncio.run(run())
    assert (error.code().name, error.details()) == ("INTERNAL", "The server failed; it has noted why.")
