"""Who asks: the one place where the gateway takes a user's own id off the wire."""

from crossfade.schema.errors import InputError
from crossfade.store.encoding import LONGEST_USER_BYTES


def user_of(name: object) -> str:
    """Return a user id as the client wrote it, if it can be one.

    Raises:
        InputError: It is no text, empty, or longer than 511 bytes.
    """
    if not isinstance(name, str):
        raise InputError(f"user_id must be a text, got {type(name).__name__}.")
    num_bytes = len(name.encode("utf-8", "surrogatepass"))
    if not 0 < num_bytes <= LONGEST_USER_BYTES:
        raise InputError(f"user_id must have 1 to {LONGEST_USER_BYTES} bytes, got {num_bytes}.")
    return name
