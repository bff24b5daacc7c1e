"""A person in stores: their playlists and online features, in the workspace's own store, in Redis and in Cassandra."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Self

from crossfade.features.definitions import USER
from crossfade.features.packing import Layout
from crossfade.privacy.lake_traces import Note
from crossfade.privacy.receipt import Erased
from crossfade.recommender.workspace import Workspace
from crossfade.schema import columns as c
from crossfade.schema.errors import IntegrityError
from crossfade.schema.settings import WeeklySettings
from crossfade.store.contract import Generation, SlateStore
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.encoding import key_of
from crossfade.store.features import FAMILY, FeatureStore
from crossfade.store.forget import forget_online, keys_of_users
from crossfade.store.opening import CASSANDRA

OWN: Final = "store"  # the place of the workspace's own


@dataclass(frozen=True)
class Stores:
    """All stores in which a person may stand, by place: "store" in the workspace, or an address without its password.

    Args:
        slates: Of playlists.
        features: Of online features.
        unnamed: Take keys out of what pruned generations and killed writers left behind, and return how many were there.
    """

    slates: dict[str, SlateStore] = field(default_factory=dict)
    features: dict[str, FeatureStore] = field(default_factory=dict)
    unnamed: dict[str, Callable[[Collection[bytes]], int]] = field(default_factory=dict)

    @classmethod
    def opened(cls, workspace: Workspace | None, weekly: WeeklySettings, urls: Sequence[str]) -> Self:
        """Open them; each server has to answer, so that nothing is changed before all can be.

        Args:
            workspace: Its own store is one of them; None has none.
            weekly: `store_url` is one of them, too.
            urls: Further ones, redis://HOST:PORT/DB or cassandra://HOST:PORT/KEYSPACE.

        Raises:
            NotFoundError: A URL is not the address of a Redis or a Cassandra.
            MissingExtraError: The library of Redis or Cassandra is not installed.
            CrossfadeError: A server does not answer.
        """
        found = cls()
        if workspace is not None:
            own = EmbeddedStore(workspace.store)
            found.slates[OWN], found.features[OWN] = own, FeatureStore(own)
        for url in dict.fromkeys(filter(None, (weekly.store_url, *urls))):
            add = found._add_cassandra if url.startswith(CASSANDRA) else found._add_redis
            add(url, int(weekly.expire_hours * 3600))
        return found

    def slates_of(self, names: Collection[str]) -> dict[str, list[dict[str, Any]]]:
        """Return a person's slates as JSON values, one for each generation that has one, by place and surface."""
        found = {
            f"{place}/{surface}": [
                slate
                for about in store.generations(surface)
                for slate in _slates(store, surface, about, names)
            ]
            for place, store in self.slates.items()
            for surface in store.surfaces()
        }
        return {place: slates for place, slates in found.items() if slates}

    def features_of(self, names: Collection[str]) -> dict[str, list[dict[str, Any]]]:
        """Return a person's online features as JSON values, one object for each generation that has some, by place."""
        found = {
            f"{place}/{FAMILY}": [
                values
                for about in store.rows.generations(FAMILY)
                for values in _features(store, about, names)
            ]
            for place, store in self.features.items()
        }
        return {place: values for place, values in found.items() if values}

    def knows(self, names: Collection[str]) -> bool:
        """Return whether any generation holds something of a person."""
        return bool(self.slates_of(names) or self.features_of(names))

    def erase_slates(self, names: Collection[str], replaced: Mapping[str, str], note: Note) -> None:
        """Take a person's slates out of every generation.

        Args:
            names: Under which they may stand.
            replaced: {digest: digest of the bundle that replaced it}.
            note: Told of each surface that had some.
        """
        for place, slates in self.slates_of(names).items():
            note(Erased(place, "slates", len(slates)))
        for store in self.slates.values():
            for surface in store.surfaces():
                store.erase(surface, names, replaced)

    def erase_features(self, names: Collection[str], note: Note) -> None:
        """Take a person's online features out of every generation; `note` is told of each place that had some."""
        for place, values in self.features_of(names).items():
            note(Erased(place, "online features", len(values)))
        for store in self.features.values():
            forget_online(store, names)

    def erase_unnamed(self, names: Collection[str], note: Note) -> None:
        """Take a person out of what pruned generations and killed writers left behind; the rest of each is erased before."""
        keys = [*filter(None, map(key_of, names)), *keys_of_users(names)]
        for place, erase in self.unnamed.items():
            if count := erase(keys):
                note(Erased(place, "values of generations that were pruned or never finished", count))

    def _add_redis(self, url: str, expire_seconds: int) -> None:
        from crossfade.store.redis_generation import place_of
        from crossfade.store.redis_rows import connected
        from crossfade.store.redis_store import RedisStore
        from crossfade.store.redis_sweep import erase_unnamed

        store = RedisStore(url, expire_seconds)
        place = place_of(store.client)
        self.slates[place], self.features[place] = store, FeatureStore(connected(url))
        self.unnamed[place] = partial(erase_unnamed, store.client)

    def _add_cassandra(self, url: str, expire_seconds: int) -> None:
        from crossfade.store.cassandra_store import CassandraStore

        store = CassandraStore(url, expire_seconds)
        store.surfaces()  # it answers
        self.slates[store.link.place], self.unnamed[store.link.place] = store, store.erase_unnamed


def _slates(
    store: SlateStore, surface: str, about: Generation, names: Collection[str]
) -> Iterator[dict[str, Any]]:
    reader = store.reader(surface, about.name)
    for name in names:
        if slate := reader.get(name):
            yield {
                "playlist_id": slate.playlist_id,
                "generation": about.name,
                "live": about.name == store.live(surface),
                c.TRACK_IDS: list(slate.track_ids),
                "reasons": list(slate.reasons),
                **({c.TIME_ZONE: slate.zone} if slate.zone else {}),
            }


def _features(store: FeatureStore, about: Generation, names: Collection[str]) -> Iterator[dict[str, Any]]:
    for value in store.rows.reader(FAMILY, about.name).values(keys_of_users(names)):
        if value is not None:
            live = about.name == store.rows.live(FAMILY)
            yield {"generation": about.name, "live": live, "values": _unpacked(value)}


def _unpacked(value: bytes) -> dict[str, Any]:
    layout = Layout.of(USER)
    try:
        _, *values = layout.unpack([value]).item()
    except IntegrityError:  # earlier code wrote it: neither erasures nor exports may fail for that
        return {"packed": value.hex()}
    return {feature.name: found for feature, found in zip(layout.features, values, strict=True)}
