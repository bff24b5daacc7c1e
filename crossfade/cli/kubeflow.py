"""A Kubeflow Pipelines server through KFP's client, its errors told in one line."""

import contextlib
import io
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from crossfade.schema.errors import CrossfadeError, InputError, MissingExtraError

TIMEOUT_SECONDS: Final = 10
MOST_VERSIONS: Final = 2  # of one name that we ask for; the server allows one


@dataclass(frozen=True)
class Version:
    """A version of a pipeline on the server; `is_new` if we uploaded it just now."""

    pipeline: str
    name: str
    pipeline_id: str
    version_id: str
    is_new: bool


@dataclass(frozen=True)
class Wanted:
    """What a run is of.

    Args:
        version: The pipeline.
        arguments: Values of its parameters.
        experiment: The server's group of runs, made if missing.
        service_account: Of the steps; empty leaves it to the server.
    """

    version: Version
    arguments: Mapping[str, str]
    experiment: str
    service_account: str = ""


@dataclass(frozen=True)
class Server:
    """A server that answered; made by `connect`."""

    client: Any
    namespace: str | None

    def upload(self, pipeline: str, name: str, text: str, description: str) -> Version:
        """Upload a pipeline version unless the server has one of that name; the name must tell its content.

        Args:
            pipeline: Display name of the pipeline, made if missing.
            name: Display name of the version.
            text: The compiled pipeline.
            description: Of a version that is new; for example where its code came from.
        """
        known = self.client.list_pipelines(filter=named(pipeline), namespace=self.namespace).pipelines or []
        if len(known) > 1:
            raise CrossfadeError(
                f"The server has {len(known)} pipelines named {pipeline}; remove all but one."
            )
        if known:
            listed = self.client.list_pipeline_versions(
                known[0].pipeline_id, page_size=MOST_VERSIONS, filter=named(name)
            )
            for version in listed.pipeline_versions or []:
                return Version(
                    pipeline, name, known[0].pipeline_id, version.pipeline_version_id, is_new=False
                )
        with tempfile.TemporaryDirectory() as directory:
            package = Path(directory) / "pipeline.yaml"
            package.write_text(text, "utf-8")
            if not known:
                # The server also makes a first version of it, under the pipeline's own name.
                known = [self.client.upload_pipeline(str(package), pipeline, namespace=self.namespace)]
            made = self.client.upload_pipeline_version(
                str(package), name, pipeline_id=known[0].pipeline_id, description=description
            )
        return Version(pipeline, name, known[0].pipeline_id, made.pipeline_version_id, is_new=True)

    def start(self, run: str, wanted: Wanted) -> str:
        """Start a run under a name; return the server's id of it."""
        started = self.client.run_pipeline(
            self.experiment(wanted.experiment),
            run,
            params=dict(wanted.arguments),
            pipeline_id=wanted.version.pipeline_id,
            version_id=wanted.version.version_id,
            service_account=wanted.service_account or None,
        )
        return str(started.run_id)

    def experiment(self, name: str) -> str:
        """Return the server's id of an experiment, which is made if missing."""
        return str(self.client.create_experiment(name, namespace=self.namespace).experiment_id)


def named(name: str) -> str:
    """Return a filter, as the server reads it, of what has a display name."""
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": "display_name", "stringValue": name}]})


@contextlib.contextmanager
def connect(host: str, token: str | None, namespace: str | None) -> Iterator[Server]:
    """Connect to a server and turn what goes wrong while it is used into one line.

    Raises:
        InputError: The host is not a URL.
        CrossfadeError: The server does not answer, refuses the credentials, or refuses a request.
        MissingExtraError: KFP is not installed.
    """
    if not host.startswith(("http://", "https://")):
        raise InputError(f"--host {host}: needs a URL that starts with http:// or https://.")
    try:
        import kfp
        import kfp_server_api
        from urllib3.exceptions import HTTPError
    except ImportError as error:
        raise MissingExtraError("kfp", "pipelines") from error
    with _quiet():
        try:
            # KFP's client asks five times in half a minute before it tells of wrong credentials; we ask once.
            _require_health(host, token)
            # "kubeflow" is the client's own word for no namespace given.
            client = kfp.Client(host, existing_token=token, namespace=namespace or "kubeflow")
            yield Server(client, namespace)
        except kfp_server_api.ApiException as error:
            raise CrossfadeError(_refusal(host, error.status, error.reason, error.body)) from error
        except HTTPError as error:
            raise CrossfadeError(
                f"{host} does not answer ({_root(error)}); check --host and the network."
            ) from error
        except ValueError as error:
            raise CrossfadeError(f"{host}: {error}") from error


def _require_health(host: str, token: str | None) -> None:
    import kfp_server_api

    configuration = kfp_server_api.Configuration(host.rstrip("/"))
    configuration.retries = False
    if token:
        configuration.api_key = {"authorization": token}
        configuration.api_key_prefix = {"authorization": "Bearer"}
    health = kfp_server_api.HealthzServiceApi(kfp_server_api.ApiClient(configuration))
    health.healthz_service_get_healthz(_request_timeout=TIMEOUT_SECONDS)


def _refusal(host: str, status: int, reason: str, body: str | bytes | None) -> str:
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body or ""
    with contextlib.suppress(ValueError):
        text = str(json.loads(text).get("message", text))
    if status == 401:
        return f"{host} asks for credentials (401 {reason}); name a variable that holds a token: --token-env NAME."
    if status == 403:
        return f"{host} refuses these credentials (403 {reason}); ask for the right to create pipelines and runs."
    if status == 409:
        return f"{host} has that name already (409 {reason}): {' '.join(text.split())}"
    return f"{host} refused the request ({status} {reason}): {' '.join(text.split())[:300]}"


def _root(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return (
        _root(reason)
        if isinstance(reason, BaseException)
        else str(error).rpartition(": ")[2] or type(error).__name__
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the client's links, retries and announcements off the terminal; we print what matters."""
    # Its configuration sets the level of urllib3's logger anew.
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.filterwarnings("ignore", "This client only works with Kubeflow Pipeline", FutureWarning)
            yield
    finally:
        logging.disable(before)
