"""A receipt is what was signed, or it is refused."""

import json
from pathlib import Path

import pytest

from crossfade.privacy.receipt import Erased, Receipt
from crossfade.schema.errors import IntegrityError, NotFoundError
from crossfade.schema.user_keys import UserKey, UserKeys

KEY, OTHER = UserKey(b"k" * 32), UserKey(b"o" * 32)
KEYS = UserKeys((KEY,), "here")
RECEIPT = Receipt("s", KEY.id, "lake", "t0", "t1", (Erased("bronze/events", "rows", 3, "b", "a"),), ("m",))


def test_a_receipt_comes_back_and_outlives_a_rotation(tmp_path: Path) -> None:
    RECEIPT.write(tmp_path / "r.json", KEYS)
    assert Receipt.verified(tmp_path / "r.json", KEYS) == RECEIPT
    assert Receipt.verified(tmp_path / "r.json", UserKeys((OTHER, KEY), "here")) == RECEIPT


def test_a_changed_receipt_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    RECEIPT.write(path, KEYS)
    told = json.loads(path.read_text())
    told["places"][0]["removed"] = 4
    path.write_text(json.dumps(told))
    with pytest.raises(IntegrityError, match=r"r.json was changed after it was signed"):
        Receipt.verified(path, KEYS)
    path.write_text("[]")
    with pytest.raises(IntegrityError, match=r"r.json is no receipt of an erasure"):
        Receipt.verified(path, KEYS)


def test_a_receipt_of_another_key_or_none(tmp_path: Path) -> None:
    RECEIPT.write(tmp_path / "r.json", KEYS)
    with pytest.raises(NotFoundError, match=f"signed by key {KEY.id}, which is not in elsewhere"):
        Receipt.verified(tmp_path / "r.json", UserKeys((OTHER,), "elsewhere"))
    with pytest.raises(NotFoundError, match=r"There is no receipt at .*gone.json"):
        Receipt.verified(tmp_path / "gone.json", KEYS)
