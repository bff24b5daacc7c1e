"""What the lake marks, held against what was planted."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from benchmarks.bots.world import World
from crossfade.schema import columns as c
from crossfade.schema.tables import EventType
from crossfade.twin.kinds import Account, Origin

WRONGED_SHARE = 0.05  # of a person's listens marked, from which on they count as wronged


@dataclass(frozen=True)
class Detection:
    """Counts of listens and accounts.

    Args:
        listens: All.
        farm: Listens of farm accounts.
        intruder: Listens of intruders.
        farm_marked: Of those of farm accounts, marked.
        intruder_marked: Of those of intruders, marked.
        own_marked: Of the listeners' own, marked.
        superfans: Superfans.
        superfans_wronged: Of whom more than 5 % of their own listens are marked.
        travellers: Travellers.
        travellers_wronged: ... likewise.
        listeners: All other listeners, hijacked or not.
        listeners_wronged: ... likewise.
    """

    listens: int
    farm: int
    intruder: int
    farm_marked: int
    intruder_marked: int
    own_marked: int
    superfans: int
    superfans_wronged: int
    travellers: int
    travellers_wronged: int
    listeners: int
    listeners_wronged: int

    @property
    def precision(self) -> float:
        """Share of the marked listens that are a farm's or an intruder's."""
        found = self.farm_marked + self.intruder_marked
        return found / max(found + self.own_marked, 1)

    @property
    def recall(self) -> float:
        """Share of the farms' and intruders' listens that are marked."""
        return (self.farm_marked + self.intruder_marked) / max(self.farm + self.intruder, 1)

    def figures(self) -> dict[str, float | int | str | bool]:
        """Return counts and shares by name."""
        shares = {
            "precision": self.precision,
            "recall": self.recall,
            "recall_farm": self.farm_marked / max(self.farm, 1),
            "recall_intruder": self.intruder_marked / max(self.intruder, 1),
        }
        return shares | {field.name: getattr(self, field.name) for field in fields(self)}


def detection(world: World) -> Detection:
    """Count what is marked in a world."""
    truth = world.twin.truth
    is_listen = pc.equal(world.twin.events[c.EVENT_TYPE], str(EventType.LISTEN)).to_numpy()
    marked, origins = world.is_bot()[is_listen], truth.origins[is_listen]
    users = pc.index_in(world.twin.events[c.USER_ID], world.twin.users[c.USER_ID].combine_chunks())
    own = origins == Origin.OWN
    wronged = _wronged(users.to_numpy()[is_listen][own], marked[own], len(truth.accounts))
    kinds = truth.accounts
    listener = np.isin(kinds, (Account.LISTENER, Account.HIJACKED))
    return Detection(
        len(marked),
        int((origins == Origin.FARM).sum()),
        int((origins == Origin.INTRUDER).sum()),
        int(marked[origins == Origin.FARM].sum()),
        int(marked[origins == Origin.INTRUDER].sum()),
        int(marked[own].sum()),
        int((kinds == Account.SUPERFAN).sum()),
        int(wronged[kinds == Account.SUPERFAN].sum()),
        int((kinds == Account.TRAVELLER).sum()),
        int(wronged[kinds == Account.TRAVELLER].sum()),
        int(listener.sum()),
        int(wronged[listener].sum()),
    )


def _wronged(
    users: npt.NDArray[np.integer], marked: npt.NDArray[np.bool_], num_users: int
) -> npt.NDArray[np.bool_]:
    listens = np.bincount(users, minlength=num_users)
    lost = np.bincount(users, weights=marked, minlength=num_users)
    return np.asarray(lost > WRONGED_SHARE * listens)


def summed(found: Sequence[Detection]) -> Detection:
    """Add up the counts of several worlds."""
    return Detection(**{f.name: sum(getattr(each, f.name) for each in found) for f in fields(Detection)})
