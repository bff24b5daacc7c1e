"""A wish to end is noted once; the handlers of before come back."""

import os
import signal

import pytest

from crossfade.cli.signals import until_told_to_stop


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_a_wish_and_no_end(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with until_told_to_stop() as stop:
        assert not stop()
        os.kill(os.getpid(), number)
        assert stop()
        assert signal.getsignal(number) is before, "a second one is not held back"
    assert signal.getsignal(number) is before
