"""A simulated world with planted farms, in a lake of its own."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.features.dataset import Dataset
from crossfade.features.make_dataset import make_dataset
from crossfade.lake.bots import ALLOW
from crossfade.lake.build import refresh
from crossfade.lake.lake import SILVER, Lake
from crossfade.quality.bots import put_on_list, suspects
from crossfade.schema import columns as c
from crossfade.schema.settings import Settings
from crossfade.sources.importing import import_files
from crossfade.twin.kinds import Origin
from crossfade.twin.spec import TwinSpec
from crossfade.twin.twin import Twin, simulate

SPEC: Final = TwinSpec(
    num_users=1200,
    num_tracks=4000,
    num_days=42,
    farm_share=0.01,
    superfan_share=0.02,
    hijacked_share=0.02,
    traveller_share=0.02,
)


@dataclass(frozen=True)
class World:
    """A twin, and the refreshed lake that holds it."""

    twin: Twin
    lake: Lake

    @classmethod
    def made(cls, seed: int, directory: Path, settings: Settings) -> "World":
        """Simulate a world and import it."""
        twin = simulate(replace(SPEC, seed=seed))
        return cls(twin, _imported(twin, directory / "world", settings))

    def is_bot(self) -> npt.NDArray[np.bool_]:
        """Return [num_events] what the lake marks, in the twin's order; what it dropped as a repeat is not marked."""
        marked = self.lake.dataset(SILVER, "events").to_table(columns=[c.EVENT_ID, c.IS_BOT])
        rows = pc.index_in(self.twin.events[c.EVENT_ID], marked[c.EVENT_ID].combine_chunks())
        found = pc.fill_null(marked[c.IS_BOT].take(rows.combine_chunks()), False)
        return np.asarray(found.to_numpy())

    def datasets(self, directory: Path, settings: Settings) -> dict[str, Dataset]:
        """Return what is learnt from, by name: `marked` left out, `everything`, and the world as if it were `clean`."""
        marked = make_dataset(self.lake, settings)
        put_on_list(self.lake, [each.user_id for each in suspects(self.lake)], ALLOW)
        refresh(self.lake, settings.with_own_ids())
        own = pa.array(self.twin.truth.origins == Origin.OWN)
        clean = replace(self.twin, events=self.twin.events.filter(own))
        lake = _imported(clean, directory / "clean", settings)
        put_on_list(lake, [each.user_id for each in suspects(lake)], ALLOW)
        refresh(lake, settings.with_own_ids())
        return {
            "clean": make_dataset(lake, settings),
            "marked": marked,
            "everything": make_dataset(self.lake, settings),
        }


def _imported(twin: Twin, directory: Path, settings: Settings) -> Lake:
    lake = Lake.create(directory / "lake")
    for path in twin.write(directory / "twin"):
        source = "catalogue" if path.stem == "tracks" else path.stem
        import_files(lake, source, [path], settings=settings)
    refresh(lake, settings.with_own_ids())
    return lake
