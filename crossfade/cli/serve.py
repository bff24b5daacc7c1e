"""`crossfade serve`: recommender, gateway and store on this machine, by one command."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from crossfade.cli.options import chosen_settings, settings_options
from crossfade.cli.signals import until_told_to_stop
from crossfade.schema.errors import CrossfadeError

if TYPE_CHECKING:
    from crossfade.schema.ids import IdMap

POLL_SECONDS: Final = 0.1
READY_SECONDS: Final = 600.0  # kernels are compiled at the first start, which takes minutes of a busy machine
KILL_SECONDS: Final = 10.0  # beyond the time to drain
SET_PARENT_DEATH_SIGNAL: Final = 1  # of prctl
PATHS: Final = {"recommender": "/v2/models/crossfade/ready", "gateway": "/readyz"}


@click.command("serve", short_help="Serve recommendations and playlists over HTTP.")
@click.option(
    "--workspace",
    "workspace_dir",
    type=click.Path(path_type=Path),
    required=True,
    help="Has the champion and the store.",
)
@click.option(
    "--port", type=click.IntRange(1, 65533), default=8080, show_default=True, help="Of the gateway."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address that the gateway listens on.")
@click.option(
    "--store",
    default="",
    help="redis://HOST:PORT/DB or cassandra://HOST:PORT/KEYSPACE; else the workspace's own.",
)
@click.option(
    "--experiments",
    type=click.Path(path_type=Path, exists=True),
    help="Manifest of an experiment, or a directory of them.",
)
@click.option(
    "--home",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="YAML file of Home's modules; else the default ones.",
)
@click.option("--brokers", help="Log exposures to Kafka at HOST:PORT instead of to the workspace.")
@click.option("--topic", help="Topic for --brokers; else: exposures.")
@click.option(
    "--kafka-config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Properties file for --brokers, librdkafka's keys.",
)
@settings_options
def serve_command(
    workspace_dir: Path,
    *,
    port: int,
    host: str,
    settings_file: Path | None,
    assignments: tuple[str, ...],
    **of_gateway: str | Path | None,
) -> None:
    """Run the recommender and the gateway until Ctrl-C, with the workspace's champion and store.

    Clients call the gateway at --port. The recommender (KServe V1 and V2) listens on loopback at the next port, its
    gRPC at the one after. A new champion is taken up while requests go on.

    \b
    Example:
      crossfade serve --workspace workspace
      crossfade serve --workspace workspace --port 9000 --store redis://127.0.0.1:6379/0
      crossfade serve --workspace workspace --experiments experiments/ --brokers 127.0.0.1:9092
    """
    from crossfade.recommender.workspace import Workspace
    from serving.ports import require_free

    settings = chosen_settings(settings_file, assignments).serving
    champion = Workspace.open(workspace_dir).champion()
    for place, number in ((host, port), ("127.0.0.1", port + 1), ("127.0.0.1", port + 2)):
        require_free(place, number)
    sets = [part for assignment in assignments for part in ("--set", assignment)]
    shared = ["--workspace", str(workspace_dir), *sets, *_given(settings=settings_file)]
    urls = {"recommender": f"http://127.0.0.1:{port + 1}", "gateway": f"http://{host}:{port}"}
    rpc = f"grpc://127.0.0.1:{port + 2}"
    commands = {
        "recommender": [*shared, "--rest-port", str(port + 1), "--rpc-port", str(port + 2)],
        "gateway": [*shared, *_given(recommender=rpc, host=host, port=port, **of_gateway)],
    }
    started = time.monotonic()
    with until_told_to_stop() as is_told, _running(commands, settings.drain_seconds) as processes:
        if _wait_until_ready(processes, urls, is_told):
            click.echo(f"Bundle {champion.name} answers after {time.monotonic() - started:.1f} s.\n")
            click.echo(_examples(urls, champion))
        while not is_told():
            _require_running(processes)
            time.sleep(POLL_SECONDS)
        click.echo("Draining.")


def _given(**options: str | int | Path | None) -> list[str]:
    """Return options as a command line has them, without those that are not set."""
    return [
        part
        for name, value in options.items()
        if value
        for part in (f"--{name.replace('_', '-')}", str(value))
    ]


@contextmanager
def _running(
    commands: Mapping[str, Sequence[str]], drain_seconds: int
) -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
    """Run the services for the block; afterwards the gateway drains first, since it asks the recommender."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, arguments in commands.items():
            command = [sys.executable, "-m", f"serving.{name}", *arguments]
            # A session of its own: Ctrl-C reaches this process alone, which ends them in order.
            processes[name] = subprocess.Popen(
                command, start_new_session=True, env=environment, preexec_fn=_end_with_parent
            )
        yield processes
    finally:
        for process in reversed(processes.values()):
            process.terminate()
            try:
                process.wait(drain_seconds + KILL_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _end_with_parent() -> None:
    """Ask Linux to end this process in order when its parent is killed; elsewhere it outlives it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)


def _wait_until_ready(
    processes: Mapping[str, "subprocess.Popen[bytes]"], urls: Mapping[str, str], is_told: Callable[[], bool]
) -> bool:
    """Return True when both services are ready, False when told to stop before.

    Raises:
        CrossfadeError: A service ended, or is not ready in ten minutes.
    """
    import httpx

    deadline = time.monotonic() + READY_SECONDS
    # One client for all, without TLS: to read certificates for every try takes a fifth of a core.
    with httpx.Client(trust_env=False, verify=False) as client:
        for name, path in PATHS.items():
            while not is_told():
                _require_running(processes)
                try:
                    if client.get(f"{urls[name]}{path}").status_code == httpx.codes.OK:
                        break
                except httpx.TransportError:
                    pass  # it does not listen yet
                if time.monotonic() > deadline:
                    raise CrossfadeError(
                        f"The {name} is not ready after {READY_SECONDS:.0f} s; see its messages above."
                    )
                time.sleep(POLL_SECONDS)
    return not is_told()


def _require_running(processes: Mapping[str, "subprocess.Popen[bytes]"]) -> None:
    for name, process in processes.items():
        if process.poll() is not None:
            raise CrossfadeError(
                f"The {name} ended (exit code {process.returncode}); see its messages above."
            )


def _some_user(known: "IdMap", champion: Path) -> str | None:
    """Return the own id of somebody whom a bundle knows: clients name people by it, never by a pseudonym.

    A pseudonym cannot be turned back, so it is looked up in the lake, if the workspace says where that is.
    """
    from crossfade.lake.lake import Lake
    from crossfade.lake.own_ids import bronze_users
    from crossfade.schema.user_keys import is_pseudonym, keys_near, lake_near

    first = str(known.ids[0].as_py()) if len(known) else None
    if first is None or not is_pseudonym(first):
        return first
    keys, lake = keys_near(champion), lake_near(champion.parents[1])
    if keys is None or lake is None:
        return None
    users = bronze_users(Lake.open(lake))
    return next((user for user in users if (known.rows(keys.names(user)) >= 0).any()), None)


def _examples(urls: Mapping[str, str], champion: Path) -> str:
    """Return commands that answer, with a user and a track of the bundle; without the lake the user is nobody."""
    from crossfade.features.dataset import Dataset

    dataset = Dataset.load(champion)
    tracks = dataset.catalogue.tracks
    track = str(tracks.ids[0].as_py()) if len(tracks) else "t1"
    user = _some_user(dataset.users.ids, champion) or "u1"
    gateway, recommender = urls["gateway"], urls["recommender"]
    request = f'{{"user_id": "{user}", "surface": "radio", "k": 5, "seed_track": "{track}"}}'
    return "\n".join(
        [
            "Try:",
            f"  curl {gateway}/v1/users/{user}/playlists/discover-weekly",
            f"  curl {gateway}/v1/recommend -d '{request}'",
            f"  curl {gateway}/v1/users/{user}/why/{track}",
            f"  curl {recommender}/v1/models/crossfade:predict -H 'Content-Type: application/json' \\",
            f"    -d '{{\"instances\": [{request}]}}'",
            f"  curl {gateway}/openapi.json",
            "",
            "Ctrl-C ends it.",
        ]
    )
