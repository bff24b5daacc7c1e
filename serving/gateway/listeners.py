"""Who asks: the one place where the gateway takes a user's id off the wire and hands it on."""

from dataclasses import dataclass
from typing import Final, Self

from crossfade.schema.errors import InputError

LONGEST_BYTES: Final = 511  # a store's longest key


@dataclass(frozen=True)
class Listener:
    """A user as the client names them, and as bundles, stores and logs know them.

    Args:
        name: As the client wrote it; stands in answers.
        key: Stands everywhere else.
    """

    name: str
    key: str

    @classmethod
    def of(cls, name: object) -> Self:
        """Take up a user id.

        Raises:
            InputError: It is no text, empty, or longer than 511 bytes.
        """
        if not isinstance(name, str):
            raise InputError(f"user_id must be a text, got {type(name).__name__}.")
        num_bytes = len(name.encode("utf-8", "surrogatepass"))
        if not 0 < num_bytes <= LONGEST_BYTES:
            raise InputError(f"user_id must have 1 to {LONGEST_BYTES} bytes, got {num_bytes}.")
        return cls(name, name)
