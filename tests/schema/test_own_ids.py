"""Own ids become rows, whether a dataset knows users by pseudonyms or not."""

from pathlib import Path

import pytest

from crossfade.schema.errors import NotFoundError
from crossfade.schema.ids import IdMap
from crossfade.schema.own_ids import own_rows
from crossfade.schema.user_keys import UserKey, point_to_keys, write_keys

KEY, OTHER = UserKey(b"k" * 32), UserKey(b"o" * 32)
HIDDEN = IdMap.of([KEY.pseudonym(user) for user in ("ann", "bob")])


def test_own_ids_without_pseudonyms_need_no_key() -> None:
    assert own_rows(IdMap.of(["ann", "bob"]), ["bob", "eve", ""], None).tolist() == [1, -1, -1]
    assert own_rows(IdMap.of([]), ["bob"], None).tolist() == [-1]


def test_own_ids_and_pseudonyms_find_the_same_row(tmp_path: Path) -> None:
    write_keys(tmp_path / "lake", (OTHER, KEY))
    point_to_keys(tmp_path, tmp_path / "lake")
    asked = ["bob", KEY.pseudonym("bob"), "eve", "", OTHER.pseudonym("bob"), "bob"]
    bob = HIDDEN.rows([KEY.pseudonym("bob")])[0]
    assert own_rows(HIDDEN, asked, tmp_path).tolist() == [bob, bob, -1, -1, -1, bob]


def test_without_the_key_only_pseudonyms_and_nobody_are_understood(tmp_path: Path) -> None:
    assert own_rows(HIDDEN, ["", KEY.pseudonym("ann")], None).tolist() == [
        -1,
        *HIDDEN.rows([KEY.pseudonym("ann")]),
    ]
    with pytest.raises(NotFoundError, match=f"pseudonyms of key {KEY.id}, but no key is here; name the file"):
        own_rows(HIDDEN, ["ann"], tmp_path)
    keys = write_keys(tmp_path / "lake", (OTHER,))
    point_to_keys(tmp_path, tmp_path / "lake")
    with pytest.raises(NotFoundError, match=f"of key {KEY.id}, but {keys.place} has only {OTHER.id}"):
        own_rows(HIDDEN, ["ann"], tmp_path)


def test_a_key_that_was_found_is_kept(tmp_path: Path) -> None:
    keys = write_keys(tmp_path / "lake", (KEY,))
    point_to_keys(tmp_path, tmp_path / "lake")
    before = own_rows(HIDDEN, ["ann", "bob"], tmp_path).tolist()
    Path(keys.place).unlink()  # a request reads no file
    assert own_rows(HIDDEN, ["ann", "bob"], tmp_path).tolist() == before
