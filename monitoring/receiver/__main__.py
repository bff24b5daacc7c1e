"""Start the receiver: `python -m monitoring.receiver --workspace DIR --lake DIR --token-file FILE`."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import CrossfadeError, InputError
from crossfade.schema.exposition import Exposition
from crossfade.schema.metrics import RECEIVER_METRICS
from crossfade.schema.monitoring_settings import ReceiverSettings
from crossfade.schema.settings import load_settings
from monitoring.receiver.app import app_of
from monitoring.receiver.ledger import Ledger
from monitoring.receiver.worker import Command, Worker

CROSSFADE = (sys.executable, "-c", "import sys; from crossfade.cli.main import main; sys.exit(main())")
LEAST_TOKEN = 16


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    options = argparse.ArgumentParser("monitoring.receiver", description=__doc__)
    options.add_argument("--workspace", type=Path, required=True, help="Has the champion; gets the new one.")
    options.add_argument("--lake", type=Path, required=True, help="Is learnt from.")
    options.add_argument(
        "--token-file", type=Path, required=True, help="File with the token that callers bear."
    )
    options.add_argument(
        "--kfp-host", help="Submit runs to this Kubeflow server; else they run on this machine."
    )
    options.add_argument("--kfp-token-env", help="Environment variable with that server's bearer token.")
    options.add_argument("--kfp-namespace", help="Namespace of the runs, on a server with several users.")
    options.add_argument("--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0 in a container.")
    options.add_argument("--port", type=int, default=8090, help="Port to listen on.")
    options.add_argument("--settings", type=Path, help="YAML file; what it leaves out keeps its default.")
    options.add_argument("--set", action="append", default=[], help="Change one setting; repeatable.")
    options.add_argument(
        "--dry-run",
        action="store_true",
        help="Decide and log, but start nothing; the same as --set receiver.dry_run=true.",
    )
    return options


def settings_of(chosen: argparse.Namespace) -> ReceiverSettings:
    """Return the receiver's settings.

    Raises:
        InputError: A setting makes no sense.
    """
    dry = ["receiver.dry_run=true"] if chosen.dry_run else []
    return load_settings(chosen.settings, [*chosen.set, *dry]).receiver


def command_of(chosen: argparse.Namespace) -> Command:
    """Return what makes the command line of a training from its reason."""
    given = ["--settings", str(chosen.settings)] if chosen.settings else []
    given += [part for assignment in chosen.set for part in ("--set", assignment)]
    places = ["--lake", str(chosen.lake), "--workspace", str(chosen.workspace)]
    what = ["run", "training"]
    if chosen.kfp_host:
        told = {"--token-env": chosen.kfp_token_env, "--namespace": chosen.kfp_namespace}
        more = [part for name, value in told.items() if value for part in (name, value)]
        what = ["submit", "training", "--host", chosen.kfp_host, *more]
    return lambda reason: [*CROSSFADE, *what, *places, "--trigger", reason, *given]


def read_token(path: Path) -> str:
    """Return the token in a file.

    Raises:
        InputError: There is no such file, or the token is too short to be one.
    """
    try:
        token = path.read_text("utf-8").strip()
    except OSError as error:
        raise InputError(f"--token-file {path} cannot be read: {error}.") from error
    if len(token) < LEAST_TOKEN:
        raise InputError(
            f"--token-file {path} holds {len(token)} characters; a token needs at least {LEAST_TOKEN}."
        )
    return token


def main(arguments: Sequence[str] | None = None) -> int:
    """Open, serve, end; return the exit code."""
    chosen = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    try:
        settings = settings_of(chosen)
        token, workspace = read_token(chosen.token_file), Workspace.create(chosen.workspace)
        ledger, exposition = Ledger(workspace.retraining, settings), Exposition(RECEIVER_METRICS)
    except CrossfadeError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    worker = Worker(ledger, command_of(chosen), settings, exposition)
    app = app_of(ledger, worker, exposition, settings, token=token, drift=workspace.drift_figures)
    uvicorn.run(app, host=chosen.host, port=chosen.port, log_config=None, access_log=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
