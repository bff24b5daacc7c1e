"""Show the state of a workspace to Prometheus: `python -m monitoring.exporter --workspace DIR --lake DIR`."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from crossfade.lake.lake import Lake
from crossfade.recommender.workspace import Workspace
from crossfade.schema.durable import replace_file
from crossfade.schema.errors import CrossfadeError
from crossfade.schema.exposition import Fresh, served
from crossfade.store.opening import opened
from monitoring.exporter.features import features_at
from monitoring.exporter.state import State

STORE_MS: Final = 2000  # a scrape ends after 10 s, and asks some ten times


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    options = argparse.ArgumentParser("monitoring.exporter", description=__doc__)
    options.add_argument("--workspace", type=Path, required=True, help="Is watched.")
    options.add_argument("--lake", type=Path, help="Is watched, too.")
    options.add_argument(
        "--store",
        default="",
        help="Of generations and online features: redis://HOST:PORT/DB or cassandra://HOST:PORT/KEYSPACE; else the workspace's.",
    )
    options.add_argument(
        "--rollout", type=Path, help="Directory of the experiments' rollouts; else the workspace's."
    )
    options.add_argument(
        "--textfile",
        type=Path,
        help="Write the metrics to this file once (name it *.prom), and end; for the node exporter.",
    )
    options.add_argument("--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0 in a container.")
    options.add_argument("--port", type=int, default=8091, help="Port to listen on.")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop, or write once; return the exit code."""
    chosen = parser().parse_args(arguments)
    try:
        workspace, lake = Workspace.open(chosen.workspace), Lake.open(chosen.lake) if chosen.lake else None
        store = opened(chosen.store, workspace, timeout_ms=STORE_MS)
        features = partial(features_at, chosen.store, workspace, STORE_MS)
        state = State(workspace, lake, store, chosen.rollout, features)
        if chosen.textfile:
            replace_file(chosen.textfile, state.exposition().text())
            return 0
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        with served(Fresh(state.exposition), chosen.host, chosen.port):
            ended.wait()
    except CrossfadeError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
