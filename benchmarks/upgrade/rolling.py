"""Pods as processes, replaced one after the other as a Deployment with maxUnavailable 0 and maxSurge 1 does it."""

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from signal import SIGTERM, Signals
from typing import Final

from benchmarks.upgrade.endpoints import Endpoints

GRACE_SECONDS: Final = 40  # the manifests' terminationGracePeriodSeconds
LAG_SECONDS: Final = 1.0  # until everybody knows that a pod ends


@dataclass(frozen=True)
class Pod:
    """A process that is ready, and the port that its Service leads to."""

    process: "subprocess.Popen[bytes]"
    port: int


@dataclass(frozen=True)
class Ending:
    """How pods end.

    Args:
        sleep_seconds: Of preStop: how long they go on before SIGTERM.
        signal: Sent then.
    """

    sleep_seconds: float
    signal: Signals = SIGTERM


def replaced(
    pods: Sequence[Pod], start: Callable[[], Pod], endpoints: Endpoints, ending: Ending
) -> list[Pod]:
    """Replace pods one by one: start another, wait until it is ready, then end the old one.

    Args:
        pods: Old ones.
        start: Starts a new one and waits until it is ready.
        endpoints: Where both are listed while they are ready.
        ending: Of the old ones.

    Returns:
        The new ones.

    Raises:
        TimeoutError: An old one did not end in its time.
    """
    made = []
    for old in pods:
        made.append(start())
        endpoints.add(made[-1].port)
        ended(old, endpoints, ending)
    return made


def ended(pod: Pod, endpoints: Endpoints, ending: Ending) -> int:
    """End a pod as a kubelet does, while others are told of it at the same time; return its exit code.

    Raises:
        TimeoutError: It did not end in its time.
    """
    due = time.monotonic() + ending.sleep_seconds
    told = time.monotonic() + LAG_SECONDS
    if ending.sleep_seconds >= LAG_SECONDS:
        _wait_for(told)
        endpoints.remove(pod.port)
        _wait_for(due)
        pod.process.send_signal(ending.signal)
    else:
        _wait_for(due)
        pod.process.send_signal(ending.signal)
        _wait_for(told)
        endpoints.remove(pod.port)
    try:
        return pod.process.wait(GRACE_SECONDS - ending.sleep_seconds)
    except subprocess.TimeoutExpired as error:
        pod.process.kill()
        raise TimeoutError(f"A pod did not end in {GRACE_SECONDS} s.") from error


def _wait_for(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
