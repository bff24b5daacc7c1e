"""Ports: whether one can be listened on, said before anything is loaded."""

import secrets
import socket
from typing import Final

from crossfade.schema.errors import InputError

LENT_FROM: Final = 32_768  # by default Linux lends ports from here on; others begin higher
OWN_PORTS: Final = 20_000
TRIES: Final = 100


def require_free(host: str, port: int) -> None:
    """Refuse a port that is taken.

    Raises:
        InputError: Somebody listens there, or it may not be used.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, OverflowError) as error:
        raise InputError(f"Port {port} of {host} cannot be used: {error}; name another one.") from error


def free_ports(host: str, count: int = 1) -> range:
    """Return ports in a row that nobody listens on now.

    They lie below those that a system usually lends to outgoing connections, so that none of these takes one before it is used.

    Raises:
        InputError: None were found.
    """
    for _ in range(TRIES):
        # Not from `random`: processes that seed it alike would find the same ports.
        first = LENT_FROM - OWN_PORTS + secrets.randbelow(OWN_PORTS - count)
        ports = range(first, first + count)
        if all(_is_free(host, port) for port in ports):
            return ports
    raise InputError(f"{count} free ports in a row were not found on {host}; end other servers there.")


def free_port(host: str) -> int:
    """Return a port that nobody listens on now; `free_ports` tells more."""
    return free_ports(host)[0]


def _is_free(host: str, port: int) -> bool:
    try:
        require_free(host, port)
    except InputError:
        return False
    return True
