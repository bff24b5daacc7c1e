"""What a request costs between gateway and recommender, without the recommending: HTTP/1.1, KServe's gRPC, and the gateway's."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from statistics import median
from typing import Any, Final

import httpx
import orjson
from grpc import aio

from benchmarks.harness import Bar, Options, Result
from benchmarks.serving.services import HOST, Service, started
from crossfade.schema.settings import default_settings
from serving.gateway.online import Online
from serving.ports import free_port

ROUNDS: Final = 5
CALLERS: Final = 8
MODEL: Final = "crossfade"
# A radio's request: who, how many, and six tracks of session.
REQUEST: Final[dict[str, Any]] = {
    "user_id": "u1234567", "surface": "radio", "k": 10, "request_id": "0123456789abcdef0123456789abcdef",
    "session": [{"track_id": f"t{number}", "played_share": 1.0} for number in range(1_000_000, 1_000_006)],
}  # fmt: skip

Ask = Callable[[], Awaitable[Any]]


def run(options: Options) -> Result:
    """Ask by each transport in turn, and count the processor time of both ends.

    Args:
        options: `quick` takes less time for each.
    """
    seconds = 1.0 if options.quick else 4.0
    rest, rpc = free_port(HOST), free_port(HOST)
    command = ["-m", "benchmarks.serving.echo", str(rest), str(rpc)]
    with started(command, f"http://{HOST}:{rest}/v2/models/{MODEL}/ready") as process:
        server = Service(f"http://{HOST}:{rest}", process.pid)
        figures = asyncio.run(_measured(server, f"{HOST}:{rpc}", seconds))
    share = figures["grpc_ms"] / figures["http_ms"]
    return Result(dict(figures), {"grpc_share_of_http": Bar(share, at_most=1.0)})


async def _measured(server: Service, rpc: str, seconds: float) -> dict[str, float]:
    """Return milliseconds of processor time a request, of both ends together and of each: medians of the rounds."""
    sides: dict[str, Callable[[], AbstractAsyncContextManager[Ask]]] = {
        "http": lambda: _http(server.url),
        "kserve_grpc": lambda: _kserve(rpc),
        "grpc": lambda: _grpc(rpc),
    }
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            async with side() as ask:
                spent[name].append(await _round(ask, server, seconds))
    figures: dict[str, float] = {}
    for name, rounds in spent.items():
        figures[f"{name}_ms"] = median(sum(each) for each in rounds)
        figures[f"{name}_gateway_ms"], figures[f"{name}_recommender_ms"] = map(
            median, zip(*rounds, strict=True)
        )
    return figures


async def _round(ask: Ask, server: Service, seconds: float) -> tuple[float, float]:
    for _ in range(50):
        await ask()
    before, until, count = (time.process_time(), server.processor_seconds()), time.monotonic() + seconds, 0

    async def caller() -> None:
        nonlocal count
        while time.monotonic() < until:
            await ask()
            count += 1

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    after = time.process_time(), server.processor_seconds()
    return 1000 * (after[0] - before[0]) / count, 1000 * (after[1] - before[1]) / count


@asynccontextmanager
async def _http(url: str) -> AsyncIterator[Ask]:
    """V1 over kept HTTP/1.1 connections, as the gateway asked until it spoke gRPC."""
    path, headers = f"/v1/models/{MODEL}:predict", {"content-type": "application/json"}
    async with httpx.AsyncClient(base_url=url, timeout=None, trust_env=False) as client:

        async def ask() -> Any:
            answer = await client.post(path, content=orjson.dumps({"instances": [REQUEST]}), headers=headers)
            return orjson.loads(answer.content)["predictions"][0]

        yield ask


@asynccontextmanager
async def _kserve(target: str) -> AsyncIterator[Ask]:
    """V2 tensors over KServe's gRPC."""
    from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
    from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc as service

    async with aio.insecure_channel(target) as channel:
        stub = service.GRPCInferenceServiceStub(channel)

        async def ask() -> Any:
            contents = pb.InferTensorContents(bytes_contents=[orjson.dumps(REQUEST)])
            tensor = pb.ModelInferRequest.InferInputTensor(
                name="requests", shape=[1], datatype="BYTES", contents=contents
            )
            reply = await stub.ModelInfer(pb.ModelInferRequest(model_name=MODEL, inputs=[tensor]))
            return orjson.loads(reply.outputs[0].contents.bytes_contents[0])

        yield ask


@asynccontextmanager
async def _grpc(target: str) -> AsyncIterator[Ask]:
    """The gateway's own way."""
    online = Online(f"grpc://{target}", default_settings().serving)

    async def ask() -> Any:
        return await online.slate(REQUEST, time.monotonic() + 10)

    yield ask
    await online.close()
