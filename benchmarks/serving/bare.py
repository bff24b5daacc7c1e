"""The same reads behind a bare Starlette route: `python -m benchmarks.serving.bare STORE PORT`."""

import sys
from pathlib import Path

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from crossfade.recommender.workspace import Workspace
from crossfade.store.opening import opened

SURFACE = "discover_weekly"


def main(workspace: str, url: str, port: int) -> None:
    """Answer GET /{user} with the stored tracks and nothing else; a Redis is read in threads, as it would be there."""
    store = opened(url, Workspace(Path(workspace)), timeout_ms=1000)

    def answered(request: Request) -> Response:
        slate = store.get(SURFACE, request.path_params["user"])
        columns = (slate.track_ids, slate.scores.tolist(), slate.reasons) if slate else ((), (), ())
        rows = [
            {"track_id": track, "score": score, "reason": reason}
            for track, score, reason in zip(*columns, strict=True)
        ]
        return Response(orjson.dumps({"tracks": rows}), media_type="application/json")

    async def at_once(request: Request) -> Response:
        return answered(request)

    # Starlette itself runs a plain function in a thread.
    route = Route("/{user}", answered if url else at_once)
    uvicorn.run(Starlette(routes=[route]), port=port, log_config=None, access_log=False)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
