"""What an erasure did, place by place, signed by the lake's key."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from crossfade.schema.durable import replace_file
from crossfade.schema.errors import IntegrityError, NotFoundError
from crossfade.schema.user_keys import UserKeys

SIGNATURE: Final = "signature"


@dataclass(frozen=True)
class Erased:
    """What left one place.

    Args:
        place: A table, bundle, generation, file or kind of file, relative to lake or workspace.
        what: What was removed there, in words.
        removed: How many rows, slates, users or files; 0 where the place was looked through and nothing was found.
        before: Digest or version before, empty where there is none.
        after: Digest or version that stands now, empty where the place itself is gone.
    """

    place: str
    what: str
    removed: int
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Receipt:
    """Proof of one erasure.

    Args:
        subject: Keyed hash of the person's own id; whoever has the key can tell whose receipt it is.
        key: Id of the key that signed.
        lake: The lake's id.
        started: When the erasure began, ISO 8601 in UTC.
        finished: When it ended.
        places: All that was looked through.
        models: Digests of bundles whose models have learnt from the person, until the next training.
        remaining: Files that still hold the bytes of a name; a common word as a user id stands anywhere.
    """

    subject: str
    key: str
    lake: str
    started: str
    finished: str
    places: tuple[Erased, ...]
    models: tuple[str, ...] = ()
    remaining: tuple[str, ...] = ()

    def write(self, path: Path, keys: UserKeys) -> None:
        """Sign with the newest key, and write."""
        body = asdict(self)
        signed = {**body, SIGNATURE: keys.current.signature(_bytes(body))}
        replace_file(path, json.dumps(signed, indent=2, ensure_ascii=False).encode())

    @classmethod
    def verified(cls, path: Path, keys: UserKeys) -> Self:
        """Read a receipt and check its signature.

        Raises:
            NotFoundError: There is no such file, or its key is not among the keys.
            IntegrityError: It was changed, or is no receipt.
        """
        if not path.is_file():
            raise NotFoundError(f"There is no receipt at {path}.")
        try:
            body: dict[str, Any] = json.loads(path.read_text("utf-8"))
            signature, key = str(body.pop(SIGNATURE)), keys.named(str(body["key"]))
            places = tuple(Erased(**place) for place in body["places"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise IntegrityError(f"{path} is no receipt of an erasure: {error!r}.") from error
        if key is None:
            raise NotFoundError(f"{path} is signed by key {body['key']}, which is not in {keys.place}.")
        if signature != key.signature(_bytes(body)):
            raise IntegrityError(f"{path} was changed after it was signed.")
        lists = {name: tuple(body[name]) for name in ("models", "remaining")}
        return cls(**{**body, "places": places, **lists})


def _bytes(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, ensure_ascii=False).encode()
