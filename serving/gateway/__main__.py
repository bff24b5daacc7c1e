"""Start the gateway: `python -m serving.gateway --workspace DIR --recommender grpc://HOST:PORT`."""

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import CrossfadeError
from crossfade.schema.exposition import Exposition
from crossfade.schema.metrics import SERVING_METRICS, Recorder
from crossfade.schema.serving_settings import ServingSettings
from crossfade.schema.settings import load_settings
from crossfade.schema.user_keys import keys_near
from crossfade.store.opening import opened
from serving import tracing
from serving.bounded import protocol_of
from serving.gateway.app import Parts, app_of
from serving.gateway.champion import Champion
from serving.gateway.exposures import Exposures, FileSink, Sink
from serving.gateway.manifests import Manifests
from serving.gateway.screens import screens_of
from serving.gateway.stored import Stored
from serving.gateway.variants import Variants
from serving.ports import require_free
from serving.settling import settle

EXPOSURES = "exposures.jsonl"


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    options = argparse.ArgumentParser("serving.gateway", description=__doc__)
    options.add_argument("--workspace", type=Path, required=True, help="Has the store and the champion.")
    options.add_argument("--bundle", type=Path, help="Draw popular tracks from this bundle instead.")
    options.add_argument("--recommender", required=True, help="Its gRPC address, grpc://HOST:PORT.")
    options.add_argument(
        "--experiments",
        type=Path,
        help="Manifest of an experiment, or a directory of them; without one all is control.",
    )
    options.add_argument("--home", type=Path, help="YAML file of Home's modules; else the default ones.")
    options.add_argument(
        "--store",
        default="",
        help="redis://HOST:PORT/DB or cassandra://HOST:PORT/KEYSPACE; else the workspace's own store.",
    )
    options.add_argument(
        "--exposures", type=Path, help="File to log to; else exposures.jsonl in the workspace."
    )
    options.add_argument("--brokers", help="Log exposures to Kafka at HOST:PORT instead, to --topic.")
    options.add_argument("--topic", default="exposures", help="Topic for --brokers; default: exposures.")
    options.add_argument(
        "--kafka-config", type=Path, help="Properties file for --brokers, librdkafka's keys."
    )
    options.add_argument("--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0 in a container.")
    options.add_argument("--port", type=int, default=8080, help="Port to listen on.")
    options.add_argument("--settings", type=Path, help="YAML file; what it leaves out keeps its default.")
    options.add_argument("--set", action="append", default=[], help="Change one setting; repeatable.")
    return options


def parts_of(chosen: argparse.Namespace, settings: ServingSettings) -> Parts:
    """Open what the gateway is made of.

    Raises:
        NotFoundError: There is no workspace, bundle, champion or experiment.
        InputError: The experiments make no sense.
    """
    exposition = Exposition(SERVING_METRICS)
    variants = Variants(chosen.recommender, [], settings, exposition)
    manifests = Manifests(chosen.experiments, variants, exposition) if chosen.experiments else None
    workspace = Workspace.open(chosen.workspace)
    champion = Champion(chosen.bundle, None if chosen.bundle else workspace)
    sink = _sink(chosen, workspace, exposition)
    store = opened(chosen.store, workspace, timeout_ms=settings.store_timeout_ms)
    return Parts(
        variants,
        Stored(
            store,
            is_remote=bool(chosen.store),
            retry_ms=settings.retry_ms,
            keys=keys_near(workspace.path),
        ),
        champion,
        Exposures(sink, settings.exposure_queue, exposition),
        exposition,
        screens_of(workspace, chosen.home, settings, exposition),
        manifests,
    )


def _sink(chosen: argparse.Namespace, workspace: Workspace, recorder: Recorder) -> Sink:
    """Return where exposures go: a topic, or a file.

    Raises:
        InputError: The properties file cannot be read, or librdkafka refuses it.
        MissingExtraError: The extra for Kafka is not installed.
    """
    if not chosen.brokers:
        return FileSink(chosen.exposures or workspace.path / EXPOSURES, recorder)
    from crossfade.sources.kafka.client import read_properties
    from crossfade.sources.kafka.publishing import Publisher

    properties = read_properties(chosen.kafka_config) if chosen.kafka_config else {}
    return Publisher(chosen.brokers, chosen.topic, recorder, properties)


def main(arguments: Sequence[str] | None = None) -> int:
    """Open, serve, drain; return the exit code."""
    chosen = parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    try:
        settings = load_settings(chosen.settings, chosen.set).serving
        tracing.begin("crossfade-gateway")
        require_free(chosen.host, chosen.port)
        app, short = app_of(parts_of(chosen, settings), settings)
        settle()
    except CrossfadeError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn takes them while it serves, and raises them again when it has drained; one that comes before ends it at once.
        signal.signal(number, lambda *_: sys.exit(0))
    uvicorn.run(
        app,
        host=chosen.host,
        port=chosen.port,
        http=protocol_of(short),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
