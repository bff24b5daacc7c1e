"""MLflow as logbook and catalogue: runs with their figures, bundles as model versions, aliases as a mirror.

The promotion log decides who is champion (`Workspace`); the registry keeps no history of its aliases.
"""

import logging
import os
import time
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import CrossfadeError, MissingExtraError, NotFoundError
from crossfade.schema.settings import TrackingSettings

Alias = Literal["champion", "challenger"]

RUN_TAG: Final = "crossfade.run_id"
DIGEST_TAG: Final = "crossfade.bundle"
URI_TAG: Final = "crossfade.bundle_uri"
DATABASES: Final = ("sqlite", "postgresql", "mysql", "mssql")  # as MLflow names them
DATABASE: Final = "mlflow.db"
LONGEST_PARAM: Final = 6000  # characters, MLflow's limit


@dataclass(frozen=True)
class Registry:
    """Tracking server and model registry; opened on first use, quiet, with no files outside the workspace.

    Args:
        settings: An empty `uri` means SQLite and artifacts inside the workspace.
        workspace: Where the default database and artifacts are.
    """

    settings: TrackingSettings
    workspace: Workspace

    @property
    def uri(self) -> str:
        """The tracking URI in use."""
        return self.settings.uri or f"sqlite:///{(self.workspace.path / DATABASE).resolve()}"

    def log_run(
        self,
        run_id: str,
        *,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        artifacts: Sequence[Path] = (),
    ) -> str:
        """Log a run; logging the same run again adds to it.

        Args:
            run_id: Our run id; it becomes the run's name and a tag.
            params: Settings, nested mappings become dotted keys.
            metrics: Figures.
            tags: For example the lake's versions.
            artifacts: Small files to keep with the run.

        Returns:
            MLflow's id of the run.

        Raises:
            MissingExtraError: MLflow is not installed.
            CrossfadeError: The tracking server does not answer or refuses.
        """
        with self._speaking():
            from mlflow.entities import Metric, Param, RunTag

            mlflow_id = self._run(run_id)
            now_ms = time.time_ns() // 1_000_000
            self._client.log_batch(
                mlflow_id,
                params=[Param(key, str(value)[:LONGEST_PARAM]) for key, value in _dotted(params).items()],
                metrics=[Metric(key, float(value), now_ms, 0) for key, value in metrics.items()],
                tags=[RunTag(key, str(value)) for key, value in tags.items()],
            )
            for artifact in artifacts:
                self._client.log_artifact(mlflow_id, str(artifact))
            self._client.set_terminated(mlflow_id)
        return mlflow_id

    def register(self, bundle: Path, *, run_id: str) -> int:
        """Register a bundle as a model version, without copying it; the same digest is registered once.

        Args:
            bundle: The bundle's directory, named by its digest, with MANIFEST.json.
            run_id: Our id of the run that made it.

        Returns:
            The version.
        """
        with self._speaking():
            known = self._version(bundle.name)
            if known is not None:
                return known
            mlflow_id = self._run(run_id)
            self._client.log_artifact(mlflow_id, str(bundle / "MANIFEST.json"), bundle.name)
            # A server refuses a path of this machine as a source; there the manifest stands for the bundle.
            source = f"{self._client.get_run(mlflow_id).info.artifact_uri}/{bundle.name}"
            if self._is_database:
                source = bundle.resolve().as_uri()
            tags = {DIGEST_TAG: bundle.name, URI_TAG: bundle.resolve().as_uri(), RUN_TAG: run_id}
            self._model()
            version = self._client.create_model_version(self._name, source, mlflow_id, tags=tags)
            return int(version.version)

    def point(self, alias: Alias, digest: str) -> int:
        """Point an alias at a registered bundle and return its version.

        Raises:
            NotFoundError: The bundle is not registered.
        """
        with self._speaking():
            version = self._version(digest)
            if version is None:
                raise NotFoundError(
                    f"Bundle {digest} is not registered as {self._name} in {self.uri}; register it first."
                )
            self._client.set_registered_model_alias(self._name, alias, str(version))
            return version

    def pointed(self, alias: Alias) -> str | None:
        """Return the digest that an alias points at, None when it points nowhere."""
        with self._speaking():
            self._model()
            version = self._client.get_registered_model(self._name).aliases.get(alias)
            if version is None:
                return None
            return str(self._client.get_model_version(self._name, str(version)).tags[DIGEST_TAG])

    @property
    def is_there(self) -> bool:
        """Whether anything was ever logged to be asked for, as far as that is known without asking."""
        return bool(self.settings.uri) or (self.workspace.path / DATABASE).is_file()

    def logged(self, run_ids: Collection[str]) -> dict[str, dict[str, Any]]:
        """Return what was logged of runs; nothing is written.

        Args:
            run_ids: Ours.

        Returns:
            Run id -> `mlflow_run_id`, `params` and `metrics`; runs that are not known are left out.

        Raises:
            MissingExtraError: MLflow is not installed.
            CrossfadeError: The tracking server does not answer or refuses.
        """
        with self._speaking():
            experiment = self._client.get_experiment_by_name(self.settings.experiment)
            places = [] if experiment is None else [str(experiment.experiment_id)]
            found = {run_id: runs[0] for run_id in run_ids if places and (runs := self._runs(places, run_id))}
        return {
            run_id: {
                "mlflow_run_id": str(run.info.run_id),
                "params": dict(run.data.params),
                "metrics": dict(run.data.metrics),
            }
            for run_id, run in found.items()
        }

    @property
    def _is_database(self) -> bool:
        return self.uri.split(":")[0].split("+")[0] in DATABASES

    @property
    def _name(self) -> str:
        return self.settings.experiment

    @cached_property
    def _client(self) -> Any:
        mlflow = import_mlflow()
        with _quiet():
            return mlflow.MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        mlflow = import_mlflow()
        try:
            yield
        except mlflow.exceptions.MlflowException as error:
            raise CrossfadeError(
                f"MLflow at {self.uri} refused or does not answer: {error}. Start it, or correct "
                "tracking.uri (empty means SQLite inside the workspace)."
            ) from error

    def _experiment(self) -> str:
        experiment = self._client.get_experiment_by_name(self.settings.experiment)
        if experiment is not None:
            return str(experiment.experiment_id)
        # Without a server to keep them, artifacts would go to ./mlruns.
        location = (self.workspace.path / "mlflow").resolve().as_uri() if self._is_database else None
        return str(self._client.create_experiment(self.settings.experiment, artifact_location=location))

    def _run(self, run_id: str) -> str:
        experiment = self._experiment()
        runs = self._runs([experiment], run_id)
        run = (
            runs[0] if runs else self._client.create_run(experiment, run_name=run_id, tags={RUN_TAG: run_id})
        )
        return str(run.info.run_id)

    def _runs(self, experiments: list[str], run_id: str) -> list[Any]:
        found = self._client.search_runs(experiments, f"tags.`{RUN_TAG}` = '{run_id}'", max_results=1)
        return list(found)

    def _model(self) -> None:
        if not self._client.search_registered_models(f"name = '{self._name}'"):
            self._client.create_registered_model(self._name)

    def _version(self, digest: str) -> int | None:
        versions = self._client.search_model_versions(
            f"name = '{self._name}' and tags.`{DIGEST_TAG}` = '{digest}'"
        )
        return min((int(version.version) for version in versions), default=None)


def import_mlflow() -> Any:
    """Import MLflow, quiet and without telemetry.

    Raises:
        MissingExtraError: It is not installed.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # read while MLflow is imported
    os.environ.setdefault(
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3"
    )  # its 7 keep one waiting for 4 minutes when no server is there
    try:
        with _quiet():
            import mlflow
    except ImportError as error:
        raise MissingExtraError("mlflow", "tracking") from error
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return mlflow


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the warnings of MLflow's own dependencies (SQLAlchemy, google-api-core)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _dotted(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            flat |= _dotted(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
