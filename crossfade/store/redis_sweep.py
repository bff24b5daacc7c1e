"""Takes fields out of every hash of ours in a Redis, also of generations that no list names any more."""

from collections.abc import Collection
from itertools import islice
from typing import Any, Final

from crossfade.store.redis_generation import PIPELINED, pipelined, speaking
from crossfade.store.redis_store import SCANNED

# Slates, and rows of a family: hashes by generation and bucket, whose fields are keys. Lists of generations do not match.
PATTERNS: Final = ("crossfade:slates:*", "crossfade:features:*:[0-9]*")


def erase_unnamed(client: Any, keys: Collection[bytes]) -> int:
    """Remove keys from what pruned generations and killed writers left behind, and return how many were there.

    Args:
        client: A `redis.Redis`; what its generations name was erased before, so that their counts are right.
        keys: Of slates and of rows alike.

    Raises:
        CrossfadeError: Redis does not answer; call it again.
    """
    removed = 0
    with speaking(client):
        for pattern in PATTERNS:
            found = client.scan_iter(match=pattern, count=SCANNED)
            while buckets := list(islice(found, PIPELINED)):
                removed += sum(pipelined(client, [("HDEL", bucket, *keys) for bucket in buckets]))
    return removed
