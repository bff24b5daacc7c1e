"""Start the recommender service: `python -m serving.recommender --workspace DIR`."""

import argparse
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import CrossfadeError
from crossfade.schema.exposition import Exposition
from crossfade.schema.metrics import SERVING_METRICS
from crossfade.schema.settings import load_settings
from serving import one_core, tracing
from serving.ports import require_free
from serving.recommender.held import Holder
from serving.recommender.model import RecommenderModel
from serving.recommender.server import Address, RecommenderServer
from serving.settling import settle


def parser() -> argparse.ArgumentParser:
    """Return the options; KServe reads the same command line for its own, so none may be named alike."""
    options = argparse.ArgumentParser("serving.recommender", allow_abbrev=False, description=__doc__)
    which = options.add_mutually_exclusive_group(required=True)
    which.add_argument("--bundle", type=Path, help="Serve this bundle for good.")
    which.add_argument("--workspace", type=Path, help="Serve its champion, and the next one when it changes.")
    options.add_argument("--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0 in a container.")
    options.add_argument("--rest-port", type=int, default=8081, help="Port of V1 and V2 REST.")
    options.add_argument("--rpc-port", type=int, default=8082, help="Port of V2 gRPC.")
    options.add_argument("--settings", type=Path, help="YAML file; what it leaves out keeps its default.")
    options.add_argument("--set", action="append", default=[], help="Change one setting; repeatable.")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Load, warm up, serve; return the exit code."""
    chosen = parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    # KServe's, once a route; FastAPI's advice to it, not to us.
    warnings.filterwarnings("ignore", "ORJSONResponse is deprecated")
    try:
        settings = load_settings(chosen.settings, chosen.set).serving
        tracing.begin("crossfade-recommender")
        for port in (chosen.rest_port, chosen.rpc_port):
            require_free(chosen.host, port)
        holder = Holder(chosen.bundle, Workspace.open(chosen.workspace) if chosen.workspace else None)
        exposition = Exposition(SERVING_METRICS)
        address = Address(chosen.host, chosen.rest_port, chosen.rpc_port)
        server = RecommenderServer(address, holder, settings, exposition)
        model = RecommenderModel(holder, settings, exposition)
        settle()
        if settings.one_core:
            one_core.keep()
        server.start(model)
    except CrossfadeError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
