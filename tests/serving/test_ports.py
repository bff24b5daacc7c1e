"""Ports that tests and benchmarks begin servers at, and the refusal of one that is taken."""

import socket

import pytest

from crossfade.schema.errors import InputError
from serving import ports
from serving.ports import free_ports, require_free

HOST = "127.0.0.1"


def test_free_ports_lie_below_those_that_outgoing_connections_get() -> None:
    found = [port for _ in range(50) for port in free_ports(HOST, 3)]
    assert max(found) < 32_768  # where Linux begins by default
    assert len(set(found)) > 50  # and others than before


def test_ports_in_a_row_leave_out_one_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    first = free_ports(HOST, 4)[0]
    starts = iter(each - (ports.LENT_FROM - ports.OWN_PORTS) for each in (first, first + 1))
    monkeypatch.setattr(ports.secrets, "randbelow", lambda *_: next(starts))
    with socket.socket() as taken:
        taken.bind((HOST, first))
        taken.listen()
        assert free_ports(HOST, 3) == range(first + 1, first + 4)


def test_no_free_ports_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(ports.secrets, "randbelow", lambda _: port - (ports.LENT_FROM - ports.OWN_PORTS))
        with pytest.raises(InputError, match=f"1 free ports in a row were not found on {HOST}"):
            free_ports(HOST)


def test_a_taken_port_is_refused_by_name() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"Port {port} of {HOST} cannot be used"):
            require_free(HOST, port)
