"""Which store: the one inside the workspace, a Redis, or a Cassandra."""

from typing import Final

from crossfade.recommender.workspace import Workspace
from crossfade.store.contract import SlateStore
from crossfade.store.embedded import EmbeddedStore

CASSANDRA: Final = "cassandra://"


def opened(
    url: str, workspace: Workspace, *, expire_hours: float = 24, timeout_ms: int = 30_000
) -> SlateStore:
    """Open the store that a URL names; nothing is asked of it yet.

    Args:
        url: redis://HOST:PORT/DB, or cassandra://HOST:PORT/KEYSPACE; empty means the store inside the workspace.
        workspace: Has the embedded store.
        expire_hours: Slates of a removed generation stay in Redis or Cassandra for so long.
        timeout_ms: Longest wait for Redis or Cassandra.

    Raises:
        NotFoundError: The URL is not the address of a Redis or a Cassandra.
        MissingExtraError: The library of Redis or Cassandra is not installed.
    """
    if not url:
        return EmbeddedStore(workspace.store)
    if url.startswith(CASSANDRA):
        from crossfade.store.cassandra_store import CassandraStore

        return CassandraStore(url, int(expire_hours * 3600), timeout_ms)
    from crossfade.store.redis_store import RedisStore

    return RedisStore(url, int(expire_hours * 3600), timeout_ms)
