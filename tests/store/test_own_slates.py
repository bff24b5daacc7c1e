"""People ask by their own id; the store knows pseudonyms of this key or an earlier one."""

from pathlib import Path

import pytest

from crossfade.schema.user_keys import UserKey, point_to_keys, write_keys
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.own_slates import own_slate
from tests.store.slates import SURFACE, publish

KEY, NEWER = UserKey(b"k" * 32), UserKey(b"n" * 32)


@pytest.mark.parametrize("keys", [(KEY,), (NEWER, KEY)])
def test_own_ids_and_pseudonyms_are_understood(tmp_path: Path, keys: tuple[UserKey, ...]) -> None:
    write_keys(tmp_path / "lake", keys)
    point_to_keys(tmp_path, tmp_path / "lake")
    store = EmbeddedStore(tmp_path / "store")
    publish(store, "g1", [KEY.pseudonym("ann")])
    for asked in ("ann", KEY.pseudonym("ann")):
        slate = own_slate(store.reader(SURFACE), asked, tmp_path)
        assert slate is not None
        assert (slate.user_id, len(slate.track_ids)) == (asked, 3)
    assert own_slate(store.reader(SURFACE), "bob", tmp_path) is None


def test_without_a_key_own_ids_stand_for_themselves(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store")
    publish(store, "g1", ["ann"])
    slate = own_slate(store.reader(SURFACE), "ann", tmp_path)
    assert slate is not None
    assert slate.user_id == "ann"
