"""What an installation has: its lake, workspace and champion, and the servers that its settings name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from crossfade.cli.finding import OK, Finding, looked_at
from crossfade.schema.errors import CrossfadeError
from crossfade.schema.settings import Settings

PATIENCE_SECONDS: Final = 5


class Places(NamedTuple):
    """What a user names; None is not looked at."""

    lake: Path | None
    workspace: Path | None
    kfp_host: str | None
    token: str | None
    brokers: str | None
    kafka_config: Path | None
    overlay: Path | None


def installation(places: Places, settings: Settings) -> Iterator[Finding]:
    """Look at what was named, and at the servers that the settings name."""
    lake, workspace, host, brokers = places.lake, places.workspace, places.kfp_host, places.brokers
    if lake:
        yield looked_at("lake", lambda: _lake(lake), "crossfade import events FILE --lake DIR")
    if workspace:
        mend = "crossfade run training; or back with: crossfade champion rollback"
        yield looked_at("champion", lambda: _champion(workspace), mend)
    if places.overlay:
        yield overlaid(places.overlay)
    yield _mlflow(settings.tracking.uri)
    if host:
        mend = "check --kfp-host, the network, and --token-env"
        yield looked_at("kubeflow", lambda: _kubeflow(host, places.token), mend)
    if url := settings.weekly.store_url:
        mend = "start it, or mend weekly.store_url"
        yield looked_at("store", lambda: _store(url), mend)
    if brokers:
        mend = "start it, or mend --brokers and --kafka-config"
        yield looked_at("kafka", lambda: _kafka(brokers, places.kafka_config), mend)


def _lake(path: Path) -> str:
    from crossfade.lake.lake import Lake

    versions = Lake.open(path).versions()
    if not versions:
        raise CrossfadeError(f"The lake at {path} is empty.")
    return f"{len(versions)} tables at {path}, of a schema version that this Crossfade knows"


def _champion(path: Path) -> str:
    from crossfade.recommender.manifest import verify
    from crossfade.recommender.workspace import Workspace

    champion = Workspace.open(path).champion()
    files = verify(champion)["files"]
    return f"{champion.name}, each of its {len(files)} files as its manifest says"


def overlaid(overlay: Path) -> Finding:
    """Look whether an overlay of the manifests names the bundle that it serves."""
    from crossfade.experiments.pinning import pinned

    mend = f"crossfade champion pin {overlay} --workspace DIR"
    return looked_at("overlay", lambda: f"serves the bundle {pinned(overlay)}", mend)


def _mlflow(uri: str) -> Finding:
    if urlsplit(uri).scheme not in ("http", "https"):
        return Finding("mlflow", OK, f"no server is asked: {uri or 'SQLite in the workspace'}")
    mend = "start it, or mend tracking.uri"
    return looked_at("mlflow", lambda: _answering(f"{uri.rstrip('/')}/health"), mend)


def _answering(url: str) -> str:
    try:
        with urlopen(url, timeout=PATIENCE_SECONDS) as answer:
            return f"{url} answers {answer.status}"
    except (URLError, OSError) as error:
        raise CrossfadeError(f"{url} does not answer well: {error}.") from error


def _kubeflow(host: str, token: str | None) -> str:
    from crossfade.cli.kubeflow import connect

    with connect(host, token, None):
        return f"{host} answers"


def _store(url: str) -> str:
    from crossfade.recommender.workspace import Workspace
    from crossfade.store.opening import opened

    # Only the embedded store, which no URL names, would read of a workspace.
    store = opened(url, Workspace(Path()), timeout_ms=PATIENCE_SECONDS * 1000)
    return f"answers; the weekly playlists are of {store.live('discover_weekly') or 'no generation yet'}"


def _kafka(brokers: str, config: Path | None) -> str:
    from crossfade.sources.kafka.client import num_brokers, read_properties

    return f"{num_brokers(brokers, read_properties(config) if config else {})} brokers at {brokers}"
