"""When a listener gets the new week: at its activation, or at their own Monday where the generation names one.

Nothing is written at anybody's midnight: live and earlier generations are both there, and whoever reads a playlist decides by the
listener's time zone which of them it is. Each slate is of one generation.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import takewhile

from crossfade.schema.errors import NotFoundError
from crossfade.schema.zones import zone_named
from crossfade.store.contract import PackedSlate, SlateStore, StoredSlate
from crossfade.store.encoding import decode, zone_with


def monday_of(as_of: int) -> date:
    """Return the Monday that playlists are for which know listening until a moment in UTC seconds.

    A batch may take a day, so what is begun on Sunday is for the next day, and what is begun later is for the week that runs.
    """
    tomorrow = datetime.fromtimestamp(as_of, UTC).date() + timedelta(days=1)
    return tomorrow - timedelta(days=tomorrow.weekday())


@lru_cache(maxsize=4096)
def beginning(monday: str, zone: str) -> float:
    """Return the UTC seconds at which a day begins in a time zone.

    Where clocks go over midnight, that is the first moment of the day, and where they show midnight twice, the first of both.

    Args:
        monday: As YYYY-MM-DD.
        zone: Of the tz database; one that it does not have counts as UTC.
    """
    midnight = datetime.combine(date.fromisoformat(monday), time(), zone_named(zone) or UTC)
    return midnight.timestamp()


def num_shown(store: SlateStore, surface: str) -> int:
    """Return how many of the newest activated generations listeners may still get: down to the first of another Monday.

    A week that is mended before its Monday has the same one as what it replaces, and both wait.
    """
    names = list(dict.fromkeys(reversed(store.history(surface))))
    mondays = {generation.name: generation.monday for generation in store.generations(surface)}
    live = mondays.get(names[0], "") if names else ""
    if not live:
        return min(len(names), 1)
    same = takewhile(lambda name: mondays.get(name, live) == live, names)
    return min(len(list(same)) + 1, len(names))


@dataclass(frozen=True)
class Shown:
    """A store as listeners see it at a moment.

    Args:
        store: Of generations.
        surface: Whose.
        now: UTC seconds.
        zone: Of the listener who asks, where it is known; empty takes the one that stands with their slate.
    """

    store: SlateStore
    surface: str
    now: float
    zone: str = ""

    def get(self, user: str) -> StoredSlate | None:
        """Return the user's slate of the newest generation whose Monday has begun for them; None without one.

        Whoever has no earlier slate gets the live one at once.

        Raises:
            NotFoundError: No generation is live yet.
        """
        return decode(self.packed(user))

    def packed(self, user: str) -> PackedSlate | None:
        """Return what `get` does, as it is kept; raises as it does."""
        live = self.store.packed(self.surface, user)
        if live is None or self.has_begun(live):
            return live
        for name in self._before(live.about.name):
            try:
                slate = self.store.reader(self.surface, name).packed(user)
            except NotFoundError:  # it was pruned a moment ago
                continue
            if slate is not None and self.has_begun(slate):
                return slate
        return live

    def has_begun(self, slate: PackedSlate) -> bool:
        """Return whether a slate's Monday has begun for the listener; all others are seen at once."""
        monday = slate.about.monday
        return not monday or beginning(monday, self.zone or zone_with(slate)) <= self.now

    def _before(self, generation: str) -> list[str]:
        """Return the generations that were live before one, the last of them first."""
        history = self.store.history(self.surface)
        last = max((at for at, name in enumerate(history) if name == generation), default=len(history))
        return [name for name in reversed(history[:last]) if name != generation]
