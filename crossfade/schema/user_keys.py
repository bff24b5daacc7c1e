"""Keys under which users stand as pseudonyms, and where they are found: in the environment, or in a file beside the lake.

A pseudonym is HMAC-SHA256 of the user's own id, cut to 128 bits, behind the key's id: whoever holds a pseudonym knows which key
made it, and nobody without the key can tell whose it is or try ids out. Keys never stand in a lake, a workspace or a bundle.
"""

import hmac
import os
import re
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import pyarrow as pa

from crossfade.schema.durable import replacing
from crossfade.schema.errors import InputError, NotFoundError

KEYS_VARIABLE: Final = "CROSSFADE_USER_KEYS"  # the keys themselves
FILE_VARIABLE: Final = "CROSSFADE_USER_KEYS_FILE"  # a file of keys, such as a mounted secret
SUFFIX: Final = ".user-keys"  # of the file beside a lake
POINTER: Final = "user-keys"  # of a workspace: the path of that file, never a key

KEY_BYTES: Final = 32
FEWEST_HEX: Final = 32  # 128 bits; fewer could be tried out
ID_HEX: Final = 6
HASH_BYTES: Final = 16
PSEUDONYM_BYTES: Final = ID_HEX + 1 + 2 * HASH_BYTES
PSEUDONYM: Final = re.compile(rf"[0-9a-f]{{{ID_HEX}}}-[0-9a-f]{{{2 * HASH_BYTES}}}")


@dataclass(frozen=True)
class UserKey:
    """One secret key.

    Args:
        secret: At least 16 random bytes.
    """

    secret: bytes = field(repr=False)

    @cached_property
    def id(self) -> str:
        """Six hex digits that name the key and tell nothing of it."""
        return self._hmac(b"key id\0").hex()[:ID_HEX]

    def pseudonym(self, user_id: str) -> str:
        """Return the name under which a user stands from silver on."""
        return f"{self.id}-{self._hmac(b'user' + bytes(1) + user_id.encode())[:HASH_BYTES].hex()}"

    def pseudonyms(self, user_ids: pa.Array) -> pa.Array:
        """Return the pseudonyms [n] of own ids [n]; null stays null."""
        return pa.array(
            [None if user is None else self.pseudonym(user) for user in user_ids.to_pylist()], pa.string()
        )

    def subject(self, user_id: str) -> str:
        """Return the name under which a receipt knows a person: another hash than the pseudonym, of the same key."""
        return self._hmac(b"subject\0" + user_id.encode()).hex()

    def signature(self, content: bytes) -> str:
        """Return the key's signature of bytes, as 64 hex digits."""
        return self._hmac(b"signature\0" + content).hex()

    def _hmac(self, message: bytes) -> bytes:
        return hmac.digest(self.secret, message, "sha256")


@dataclass(frozen=True)
class UserKeys:
    """All keys that are known, the newest first; that one names users, the others read what was made before it came.

    Args:
        keys: At least one.
        place: Where they were found, for messages.
    """

    keys: tuple[UserKey, ...]
    place: str

    @classmethod
    def parse(cls, text: str, place: str) -> "UserKeys":
        """Read keys as hex digits, separated by white space.

        Raises:
            InputError: Names the place and which key is wrong, never the key.
        """
        for number, key in enumerate(text.split(), start=1):
            if len(key) < FEWEST_HEX or len(key) % 2 or not re.fullmatch("[0-9a-fA-F]+", key):
                raise InputError(
                    f"{place}: key {number} must be an even number of hex digits, at least {FEWEST_HEX}, but it has "
                    f"{len(key)} characters; make one with: openssl rand -hex 32"
                )
        if not text.split():
            raise InputError(f"{place} holds no key; make one with: openssl rand -hex 32")
        return cls(tuple(UserKey(bytes.fromhex(key)) for key in text.split()), place)

    @property
    def current(self) -> UserKey:
        """The key that names users now."""
        return self.keys[0]

    def named(self, key_id: str) -> UserKey | None:
        """Return the key of an id, None if it is not here."""
        return next((key for key in self.keys if key.id == key_id), None)

    def made(self, name: str) -> bool:
        """Return whether a name is a pseudonym by one of these keys, and so nobody's own id."""
        return is_pseudonym(name) and self.named(name[:ID_HEX]) is not None

    def names(self, user_id: str) -> list[str]:
        """Return all names under which a user may stand, the newest key's first, the own id last."""
        return [*(key.pseudonym(user_id) for key in self.keys), user_id]


def is_pseudonym(name: str) -> bool:
    """Return whether a name has the form of a pseudonym."""
    return PSEUDONYM.fullmatch(name) is not None


def key_file(lake: Path) -> Path:
    """Return where a lake's keys stand unless the environment has them: beside the lake, so that its copies lack them."""
    home = lake.resolve()
    return home.with_name(home.name + SUFFIX)


def lake_keys(lake: Path) -> UserKeys | None:
    """Return the keys of a lake, from the environment or from beside it; None where there are none yet.

    Raises:
        InputError: What stands there is no key.
        NotFoundError: The file that the environment names does not exist.
    """
    return from_environment() or _read(key_file(lake))


def keys_near(place: Path) -> UserKeys | None:
    """Return the keys of a bundle or workspace, from the environment or from where its workspace points; None if there are none.

    Raises:
        InputError: What stands there is no key.
        NotFoundError: The file that the environment names does not exist.
    """
    if keys := from_environment():
        return keys
    for directory in (place.resolve(), *place.resolve().parents[:2]):
        if (directory / POINTER).is_file():
            return _read(directory / (directory / POINTER).read_text("utf-8").strip())
    return None


def lake_near(workspace: Path) -> Path | None:
    """Return where the lake stands from which a workspace was trained, None where the workspace does not know it."""
    pointer = workspace / POINTER
    if not pointer.is_file():
        return None
    lake = workspace / pointer.read_text("utf-8").strip().removesuffix(SUFFIX)
    return lake if lake.is_dir() else None


def point_to_keys(workspace: Path, lake: Path) -> None:
    """Note in a workspace where its lake's keys stand, relative to it, so that both may move together."""
    text = os.path.relpath(key_file(lake), workspace.resolve()) + "\n"
    pointer = workspace / POINTER
    if not pointer.is_file() or pointer.read_text("utf-8") != text:
        pointer.write_text(text, "utf-8")


def from_environment() -> UserKeys | None:
    """Return the keys that the environment holds or names, None if it says nothing of keys.

    Raises:
        InputError: They are no keys.
        NotFoundError: The file that it names does not exist.
    """
    if text := os.environ.get(KEYS_VARIABLE, "").strip():
        return UserKeys.parse(text, KEYS_VARIABLE)
    if named := os.environ.get(FILE_VARIABLE, "").strip():
        keys = _read(Path(named))
        if keys is None:
            raise NotFoundError(f"{FILE_VARIABLE}={named}: there is no such file; mount the secret there.")
        return keys
    return None


def write_keys(lake: Path, keys: tuple[UserKey, ...]) -> UserKeys:
    """Write the keys of a lake to the file beside it, readable by its owner alone; old keys or new ones, never half."""
    path = key_file(lake)
    with replacing(path) as partial:
        partial.touch(0o600)
        partial.write_text("".join(f"{key.secret.hex()}\n" for key in keys))
    return UserKeys(keys, str(path))


def new_key() -> UserKey:
    """Return a new random key."""
    return UserKey(secrets.token_bytes(KEY_BYTES))


def _read(path: Path) -> UserKeys | None:
    return UserKeys.parse(path.read_text("utf-8"), str(path)) if path.is_file() else None
