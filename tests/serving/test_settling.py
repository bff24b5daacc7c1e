"""What a service has loaded is not looked through for garbage again, and no thread keeps another one waiting."""

import gc
import sys

from serving.settling import settle


def test_what_is_loaded_is_looked_at_no_more_and_turns_are_short() -> None:
    loaded, turn = [[number] for number in range(1000)], sys.getswitchinterval()
    try:
        settle()
        assert gc.get_freeze_count() > len(loaded)
        assert all(each is not loaded for each in gc.get_objects())
        assert sys.getswitchinterval() < 0.001 < turn
    finally:
        gc.unfreeze()
        sys.setswitchinterval(turn)
