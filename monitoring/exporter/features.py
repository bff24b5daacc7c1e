"""How fresh online features are, as metrics: of when they are, and how old they may be when they are used."""

from typing import Final

from crossfade.features.definitions import STORED_ENTITIES, freshness_hours
from crossfade.recommender.workspace import Workspace
from crossfade.schema.metrics import FEATURES_AGE_LIMIT, FEATURES_AS_OF, Recorder
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.features import FAMILY, FeatureStore
from crossfade.store.rows import RowStore

HOUR_SECONDS: Final = 3600
REDIS: Final = ("redis://", "rediss://")


def features_at(url: str, workspace: Workspace, timeout_ms: int) -> RowStore:
    """Open where online features live: in a Redis, or else, as with Cassandra, which has none, in the workspace.

    Args:
        url: As of generations; empty is the workspace's own store.
        workspace: Has the embedded store.
        timeout_ms: Longest wait for Redis.

    Raises:
        CrossfadeError: Redis does not answer.
        MissingExtraError: Its library is not installed.
    """
    if not url.startswith(REDIS):
        return EmbeddedStore(workspace.store)
    from crossfade.store.redis_rows import connected

    return connected(url, timeout_ms / 1000)


def record_features(rows: RowStore, recorder: Recorder) -> None:
    """Record the live generation; nothing where nobody has materialised any, since then requests count by themselves.

    Args:
        rows: Where online features live.
        recorder: Is told.
    """
    if rows.live(FAMILY) is None:
        return
    live = FeatureStore(rows).reader().generation
    for entity in STORED_ENTITIES:
        recorder.record(FEATURES_AS_OF, live.as_of, entity=entity.name)
        recorder.record(FEATURES_AGE_LIMIT, HOUR_SECONDS * freshness_hours(entity), entity=entity.name)
