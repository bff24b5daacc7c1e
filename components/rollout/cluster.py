"""Kubernetes, as far as a rollout needs it: apply, list and remove a few kinds of objects."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml
from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from crossfade.experiments.rendering import CHAMPION, EXPERIMENTS, MANAGED, SERVICES
from crossfade.schema.errors import CrossfadeError, InputError

FIELD_MANAGER: Final = "crossfade"
PATIENCE_SECONDS: Final = 30


class Kind(NamedTuple):
    """Where objects of a kind stand in the API."""

    base: str
    plural: str


# In the order in which they are applied; they are removed in the opposite one.
FOLDERS: Final = {
    SERVICES: Kind("apis/serving.kserve.io/v1beta1", "inferenceservices"),
    EXPERIMENTS: Kind("apis/crossfade.dev/v1alpha1", "experiments"),
}
CONFIG_MAPS: Final = Kind("api/v1", "configmaps")


@dataclass(frozen=True)
class Cluster:
    """A connection to one namespace.

    Args:
        client: Knows address and credentials.
        namespace: Of objects that name none.
    """

    client: ApiClient
    namespace: str

    @classmethod
    def connected(cls, namespace: str) -> "Cluster":
        """Connect as the pod's service account, or by the user's kubeconfig.

        Raises:
            InputError: There is neither.
        """
        from kubernetes import config

        try:
            config.load_config()
        except config.ConfigException as error:
            raise InputError(f"No cluster can be found to roll out to: {error}") from error
        return cls(ApiClient(), namespace)

    def apply(self, directory: Path) -> list[str]:
        """Apply the objects of a rollout's directory, then remove what was applied earlier and is not there any more.

        Returns:
            What was done, a line an object.

        Raises:
            InputError: A file is of another namespace.
            CrossfadeError: Kubernetes does not answer or refuses; what comes after it was not done, and doing it again is safe.
        """
        champion = directory / CHAMPION
        done = [self._apply(CONFIG_MAPS, champion)] if champion.is_file() else []
        for folder, kind in FOLDERS.items():
            done += [self._apply(kind, path) for path in sorted((directory / folder).glob("*.yaml"))]
        for folder, kind in reversed(FOLDERS.items()):
            kept = {path.stem for path in (directory / folder).glob("*.yaml")}
            done += [self._remove(kind, name) for name in self._ours(kind) if name not in kept]
        return done

    def _apply(self, kind: Kind, path: Path) -> str:
        told: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
        named = told["metadata"].setdefault("namespace", self.namespace)
        if named != self.namespace:
            raise InputError(f"{path} is of namespace {named!r}, but the rollout is to {self.namespace!r}.")
        name = told["metadata"]["name"]
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        self._call("PATCH", kind, name, query, told)
        return f"applied {kind.plural}/{name}"

    def _remove(self, kind: Kind, name: str) -> str:
        self._call("DELETE", kind, name, {})
        return f"removed {kind.plural}/{name}"

    def _ours(self, kind: Kind) -> list[str]:
        """Return the names of the objects that rollouts applied."""
        (label,) = MANAGED.items()
        found = self._call("GET", kind, "", {"labelSelector": "=".join(label)})
        return sorted(each["metadata"]["name"] for each in found["items"])

    def _call(self, method: str, kind: Kind, name: str, query: Mapping[str, str], body: Any = None) -> Any:
        path = f"/{kind.base}/namespaces/{self.namespace}/{kind.plural}{f'/{name}' if name else ''}"
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/apply-patch+yaml"  # JSON is YAML
        try:
            return self.client.call_api(
                path,
                method,
                query_params=list(query.items()),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
                response_type="object",
                _return_http_data_only=True,
                _request_timeout=PATIENCE_SECONDS,
            )
        except ApiException as error:
            raise CrossfadeError(
                f"Kubernetes refuses {method} {path}: {error.status} {_message(error)}"
            ) from error
        except HTTPError as error:
            raise CrossfadeError(f"Kubernetes does not answer to {method} {path}: {error}") from error


def _message(error: ApiException) -> str:
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.reason)
