"""What a service has loaded is not looked through for garbage again."""

import gc

from serving.collecting import settle


def test_what_is_loaded_is_looked_at_no_more() -> None:
    loaded = [[number] for number in range(1000)]
    try:
        settle()
        assert gc.get_freeze_count() > len(loaded)
        assert all(each is not loaded for each in gc.get_objects())
    finally:
        gc.unfreeze()
