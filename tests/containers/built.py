"""Images that `make images` left with podman, run as Pod Security "restricted" and our manifests run them."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Final

import pytest

from crossfade.schema.code import VERSION, code_version

# Where a machine is itself a sandbox: no limits are raised, and the older control groups are used as they are.
RUNTIMES: Final = (
    ((), ()),
    (
        ("--runtime=runc", "--cgroup-manager=cgroupfs"),
        ("--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096"),
    ),
)
RESTRICTED: Final = (
    "--rm", "--read-only", "--tmpfs=/tmp", "--cap-drop=all", "--security-opt=no-new-privileges",
)  # fmt: skip
NOTHING, HOST = "none", "host"  # networks: what is no server finds nothing outside of itself
SECONDS: Final = 60


@cache
def image_of(name: str) -> str:
    """Return an image that holds this very code, or skip the test."""
    if shutil.which("podman") is None:
        pytest.skip("no image can be run: podman is not installed")
    image = f"localhost/crossfade/{name}:{VERSION}"
    if _podman("image", "exists", image).returncode != 0:
        pytest.skip(f"there is no image {image}: make images BUILDER=podman")
    held = output(
        image, "python", "-c", "from crossfade.schema.code import code_version; print(code_version())"
    )
    if held.strip() != code_version():
        pytest.skip(f"{image} holds other code: make images BUILDER=podman")
    return image


def label(image: str, name: str) -> str:
    """Return one of the labels that every registry knows."""
    shown = f'{{{{index .Labels "org.opencontainers.image.{name}"}}}}'
    return _podman("image", "inspect", "--format", shown, image).stdout.strip()


@cache
def _words(image: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the first words with which a container runs here; those of podman, and those of its `run`."""
    told = []
    for words, options in RUNTIMES:
        done = _podman(*words, "run", *RESTRICTED, f"--network={NOTHING}", *options, image, "true")
        if done.returncode == 0:
            return words, options
        told.append(done.stderr.strip())
    pytest.skip(f"podman runs no container here: {told}")


def command(
    image: str,
    words: Sequence[str],
    mounts: Sequence[str] = (),
    told: Mapping[str, str] | None = None,
    network: str = HOST,
) -> list[str]:
    """Return the command line that runs something in an image.

    Args:
        image: Of `image_of`.
        words: What is run.
        mounts: HOST:CONTAINER, read only, or HOST:CONTAINER:rw.
        told: Its environment, beside the image's.
        network: NOTHING or HOST.
    """
    first, options = _words(image)
    given = [f"--volume={each}" if each.endswith(":rw") else f"--volume={each}:ro" for each in mounts]
    given += [f"--env={name}={value}" for name, value in (told or {}).items()]
    return ["podman", *first, "run", *RESTRICTED, f"--network={network}", *options, *given, image, *words]


def output(
    image: str,
    *words: str,
    mounts: Sequence[str] = (),
    told: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
) -> str:
    """Run something in an image to its end, with no network, and return what it printed; arguments as in `command`."""
    line = command(image, words, mounts, told, NOTHING)
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=seconds)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def serving(*commands: Sequence[str]) -> Iterator[None]:
    """Run command lines of `command` for the block; SIGTERM must end each with 0."""
    started = [subprocess.Popen(words, stdout=subprocess.DEVNULL) for words in commands]
    try:
        yield
    finally:
        for each in started:
            each.terminate()
        ended = [each.wait(SECONDS) for each in started]
    assert ended == [0] * len(started)


def _podman(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["podman", *words], capture_output=True, text=True, check=False, timeout=SECONDS)
