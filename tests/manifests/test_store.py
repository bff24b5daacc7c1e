"""The store's own command, run by a real Redis: with the Secret it wants that password, and without it none."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from benchmarks.redis_server import LOOPBACK, START_SECONDS, why_not
from crossfade.store.credentials import PASSWORD_VARIABLE
from serving.ports import free_port
from tests.manifests.rendering import MANIFESTS, documents

STORE = MANIFESTS / "base" / "store"


def redis_container(directory: Path) -> dict[str, Any]:
    """Return the container, with its configuration and data in a directory."""
    (told,) = documents((STORE / "statefulset.yaml").read_text("utf-8"))
    (found,) = told["spec"]["template"]["spec"]["containers"]
    config = directory / "redis.conf"
    config.write_text((STORE / "redis.conf").read_text("utf-8").replace("dir /data", f"dir {directory}"))
    found["command"] = [word.replace("/etc/redis/redis.conf", str(config)) for word in found["command"]]
    return dict(found)


@contextmanager
def running(directory: Path, password: str) -> Iterator[tuple[int, subprocess.CompletedProcess[str]]]:
    """Run the container's command until the end of the block; yields its port and what the readiness probe said at last."""
    if reason := why_not():
        pytest.skip(reason)
    container, port = redis_container(directory), free_port(LOOPBACK)
    environment = {**os.environ, PASSWORD_VARIABLE: password} if password else dict(os.environ)
    command = [*container["command"], *container["args"], "--port", str(port), "--bind", LOOPBACK]
    probe = [
        word.replace("redis-cli", f"redis-cli -p {port}")
        for word in container["readinessProbe"]["exec"]["command"]
    ]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            asked = subprocess.run(probe, env=environment, capture_output=True, text=True, check=False)
            if asked.returncode == 0 or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        yield port, asked
    finally:
        process.terminate()
        process.wait(START_SECONDS)


@pytest.mark.parametrize("password", ["", "two words * $HOME"])
def test_the_store_wants_the_password_of_the_secret(
    tmp_path: Path, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    with running(tmp_path, password) as (port, ready):
        assert (ready.returncode, ready.stdout.strip()) == (0, "PONG")
        with redis.Redis(port=port, password=password or None) as client:
            told = client.config_get("*")
        assert (told["maxmemory"], told["maxmemory-policy"]) == (str(768 * 1024**2), "noeviction")
        with redis.Redis(port=port) as stranger:
            if password:
                with pytest.raises(redis.AuthenticationError):
                    stranger.ping()
            else:
                assert stranger.ping()


def test_a_probe_without_the_password_is_not_ready(tmp_path: Path) -> None:
    with running(tmp_path, "secret") as (port, _):
        probe = f"redis-cli -p {port} -e ping"
        assert subprocess.run(probe.split(), capture_output=True, check=False).returncode != 0
