"""Looks for a name in every byte that a Redis holds: keys, fields, values as they are and unpacked, and its dump on disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis

from tests.privacy.scanning import forms, unpacked

DATABASES = 2


def redis_hits(port: int, names: list[str], dump: Path) -> list[str]:
    """Return the keys that hold one of the names, by database, and the dump if it does.

    Args:
        port: Of the server; it writes its dump, without packing strings.
        names: Looked for in any form.
        dump: Where the server writes.
    """
    wanted = forms(*names)
    found = []
    for number in range(DATABASES):
        with redis.Redis(port=port, db=number) as client:
            for key in client.scan_iter():
                contents = [key, *_contents(client, key)]
                if any(name in content for content in contents for name in wanted):
                    found.append(f"{number}/{key.decode()}")
            client.config_set("rdbcompression", "no")
            client.save()
    if any(name in dump.read_bytes() for name in wanted):
        found.append(dump.name)
    return sorted(found)


def _contents(client: Any, key: bytes) -> Iterator[bytes]:
    kind = client.type(key)
    if kind == b"list":
        yield from client.lrange(key, 0, -1)
        return
    if kind == b"string":
        yield client.get(key)
        return
    for field, value in client.hgetall(key).items():
        yield field + value + unpacked(value)
