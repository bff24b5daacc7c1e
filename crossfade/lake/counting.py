"""Where the rows of a lake went: what was imported stands in silver, in quarantine, or is a duplicate."""

from dataclasses import dataclass

from crossfade.lake.changes import note
from crossfade.lake.engine import Engine
from crossfade.lake.gold_steps import IMPLIED
from crossfade.lake.lake import BRONZE, QUARANTINE, SILVER, Lake
from crossfade.lake.making import schema_of
from crossfade.lake.silver_steps import DROPPED
from crossfade.schema.errors import IntegrityError
from crossfade.schema.tables import EVENTS, TABLES, TRACKS


@dataclass(frozen=True)
class TableCounts:
    """Where the rows of one canonical table went: `rows_in = rows_silver + rows_quarantined + rows_duplicate`.

    A duplicate is a repeated event, or a row whose key was imported again later. `rows_implied` more stand in silver:
    tracks that only events or playlists name.
    """

    name: str
    rows_in: int
    rows_silver: int
    rows_quarantined: int
    rows_duplicate: int
    rows_implied: int = 0

    def __str__(self) -> str:
        """Return one line for people."""
        implied = f"; {self.rows_implied:,} more that only other tables name" if self.rows_implied else ""
        return (
            f"{self.name}: {self.rows_in:,} rows in = {self.rows_silver:,} silver + {self.rows_quarantined:,} quarantined"
            f" + {self.rows_duplicate:,} duplicates{implied}"
        )


def counts(name: str, lake: Lake, session: Engine) -> TableCounts:
    """Count the rows of one canonical table of a refreshed lake.

    Raises:
        IntegrityError: Rows in bronze are not rows in silver and duplicates together.
    """
    quarantined = lake.num_rows(QUARANTINE, name)
    received, clean = lake.num_rows(BRONZE, name), lake.num_rows(SILVER, name)
    implied = int(note(lake, f"{SILVER}/{name}", IMPLIED) or 0) if name == TRACKS.name else 0
    duplicates = _duplicates(name, received, lake, session)
    if received != clean - implied + duplicates:
        raise IntegrityError(
            f"The rows of {name} do not add up: bronze has {received:,}, but silver has {clean - implied:,} of them and "
            f"{duplicates:,} are duplicates. Nothing was lost from bronze; report this, and do not train on this lake."
        )
    return TableCounts(name, received + quarantined, clean - implied, quarantined, duplicates, implied)


def _duplicates(name: str, received: int, lake: Lake, session: Engine) -> int:
    """Count repeated events or keys in bronze, without looking at silver's rows."""
    if not received:
        return 0
    if name == EVENTS.name:
        return int(note(lake, f"{SILVER}/{name}", DROPPED) or 0)
    bronze = session.table(lake.files(BRONZE, name), schema_of(f"{BRONZE}/{name}"))
    return received - session.count(bronze.select(TABLES[name].required[0]).distinct())
