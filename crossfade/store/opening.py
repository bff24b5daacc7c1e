"""Which store: the one inside the workspace, or a Redis."""

from crossfade.recommender.workspace import Workspace
from crossfade.store.contract import SlateStore
from crossfade.store.embedded import EmbeddedStore


def opened(
    url: str, workspace: Workspace, *, expire_hours: float = 24, timeout_ms: int = 30_000
) -> SlateStore:
    """Open the store that a URL names; nothing is asked of it yet.

    Args:
        url: redis://HOST:PORT/DB; empty means the store inside the workspace.
        workspace: Has the embedded store.
        expire_hours: Slates of a removed generation stay in Redis for so long.
        timeout_ms: Longest wait for Redis.

    Raises:
        NotFoundError: The URL is not the address of a Redis.
        MissingExtraError: Redis' library is not installed.
    """
    if not url:
        return EmbeddedStore(workspace.store)
    from crossfade.store.redis_store import RedisStore

    return RedisStore(url, int(expire_hours * 3600), timeout_ms)
