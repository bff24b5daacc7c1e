"""Ports: whether one can be listened on, said before anything is loaded."""

import socket

from crossfade.schema.errors import InputError


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


def free_port(host: str) -> int:
    """Return a port that nobody listens on now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
