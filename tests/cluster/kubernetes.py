"""A real API server of Kubernetes on loopback, with etcd behind it. No controller and no node: objects are kept, nothing runs."""

import json
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from kubernetes.client import ApiClient, Configuration
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from benchmarks.monitoring_servers import HOST, process, wait_for
from serving.ports import free_port
from tests.cluster import binaries
from tests.manifests.rendering import Object

ADMIN: Final = "token-of-the-administrator"
ISSUER: Final = "https://kubernetes.test"
STAYS: Final = ("Namespace", "CustomResourceDefinition")  # to remove a namespace takes a controller
# pvc-protection is taken off by a controller, and there is none.
NOT_ADMITTED_BY: Final = "StorageObjectInUseProtection"


@dataclass(frozen=True)
class Kubernetes:
    """A server that answers.

    Args:
        url: Of its API.
        authority: Its certificate.
        kubeconfig: Of the administrator.
    """

    url: str
    authority: Path
    kubeconfig: Path

    def kubectl(self, *words: str, told: str = "") -> "subprocess.CompletedProcess[str]":
        """Run kubectl as the administrator.

        Args:
            words: Its command line.
            told: What it reads from standard input.
        """
        command = [binaries.kubectl(), "--kubeconfig", str(self.kubeconfig), *words]
        return subprocess.run(command, input=told, capture_output=True, text=True, check=False, timeout=60)

    def must(self, *words: str, told: str = "") -> list[str]:
        """Run kubectl, which must have nothing to complain of; return the lines that it prints."""
        done = self.kubectl(*words, told=told)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout.splitlines()

    def apply(self, objects: Iterable[Object]) -> list[str]:
        """Apply objects server-side, where an unknown field is an error; return the lines that it prints."""
        return self.must("apply", "--server-side", "-f", "-", told=as_text(objects))

    def client(self, token: str = ADMIN) -> ApiClient:
        """Return a client of the API that shows a token."""
        configuration = Configuration(host=self.url)
        configuration.ssl_ca_cert = str(self.authority)
        configuration.api_key = {"authorization": f"Bearer {token}"}
        configuration.retries = False
        return ApiClient(configuration)

    def call(self, method: str, path: str, body: Any = None, token: str = ADMIN) -> Any:
        """Call the API and return its answer; errors are the client's."""
        return self.client(token).call_api(
            path,
            method,
            header_params={"Accept": "application/json", "Content-Type": "application/json"},
            body=body,
            auth_settings=["BearerToken"],
            response_type="object",
            _return_http_data_only=True,
        )


def as_text(objects: Iterable[Object]) -> str:
    """Write objects as kubectl reads them."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})


@contextmanager
def applied(kubernetes: Kubernetes, objects: Sequence[Object]) -> Iterator[list[str]]:
    """Apply objects for the block, and take all of it away again that can go without controllers."""
    lines = kubernetes.apply(objects)
    try:
        yield lines
    finally:
        gone = [each for each in objects if each["kind"] not in STAYS]
        kubernetes.must("delete", "--wait=false", "-f", "-", told=as_text(gone))


@contextmanager
def running(directory: Path) -> Iterator[Kubernetes]:
    """Run etcd and an API server for the block, their data and output in a directory."""
    with ExitStack() as stack:
        etcd = stack.enter_context(_etcd(directory))
        port = free_port(HOST)
        url, authority = f"https://{HOST}:{port}", directory / "pki" / "apiserver.crt"
        command = [str(binaries.directory() / "kube-apiserver"), *_options(directory, etcd, port)]
        stack.enter_context(process(command, directory, f"{etcd}/health"))
        wait_for("the API server", lambda: authority.is_file() and _ready(url, authority))
        yield Kubernetes(url, authority, _kubeconfig(directory, url, authority))


@contextmanager
def _etcd(directory: Path) -> Iterator[str]:
    client, peer = (f"http://{HOST}:{free_port(HOST)}" for _ in range(2))
    command = [
        "etcd", f"--data-dir={directory / 'etcd'}", f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}",
    ]  # fmt: skip
    with process(command, directory, f"{client}/health"):
        yield client


def _options(directory: Path, etcd: str, port: int) -> list[str]:
    """Return the server's command line: rights by RBAC, who asks by tokens, admission as it is by default but for one."""
    key, tokens = directory / "accounts.pem", directory / "tokens.csv"
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    tokens.write_text(f"{ADMIN},admin,admin,system:masters\n", "utf-8")
    return [
        f"--etcd-servers={etcd}", f"--bind-address={HOST}", f"--secure-port={port}", f"--cert-dir={directory / 'pki'}",
        "--service-cluster-ip-range=10.0.0.0/24", "--authorization-mode=RBAC", f"--token-auth-file={tokens}",
        f"--service-account-issuer={ISSUER}", f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
        f"--disable-admission-plugins={NOT_ADMITTED_BY}", "--enable-priority-and-fairness=false", "--allow-privileged",
    ]  # fmt: skip


def _ready(url: str, authority: Path) -> bool:
    try:
        with PoolManager(ca_certs=str(authority), retries=False, timeout=5) as pool:
            return pool.request("GET", f"{url}/readyz").status == 200
    except HTTPError:
        return False


def _kubeconfig(directory: Path, url: str, authority: Path) -> Path:
    path, name = directory / "kubeconfig", "test"
    told = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": url, "certificate-authority": str(authority)}}],
        "users": [{"name": name, "user": {"token": ADMIN}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    path.write_text(json.dumps(told), "utf-8")  # JSON is YAML
    return path
