"""Who we are to a Redis or a Cassandra: told by the address, or by the environment, which no run of a pipeline shows."""

import os
from typing import Final
from urllib.parse import quote

USER_VARIABLE: Final = "CROSSFADE_STORE_USER"  # nothing where a password alone is asked for
PASSWORD_VARIABLE: Final = "CROSSFADE_STORE_PASSWORD"


def with_credentials(url: str) -> str:
    """Put user and password of the environment into an address that has none of its own; all others stay as they are."""
    user, password = os.environ.get(USER_VARIABLE, ""), os.environ.get(PASSWORD_VARIABLE, "")
    scheme, colon, rest = url.partition("://")
    if not password or not colon or "@" in rest:
        return url
    return f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{rest}"


def without_credentials(url: str) -> str:
    """Return an address as it may be shown."""
    scheme, colon, rest = url.partition("://")
    return f"{scheme}{colon}{rest.rpartition('@')[2]}"
