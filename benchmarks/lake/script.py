"""Silver and gold as one would write them by hand for DuckDB, from the same bronze files: what a refresh is compared with.

Run as a program of its own, so that its memory can be watched: python -m benchmarks.lake.script LAKE OUT
"""

import sys
from pathlib import Path
from string import Template
from typing import Final

import duckdb

from crossfade.lake.lake import BRONZE, SILVER, Lake
from crossfade.schema.lake_settings import LakeSettings
from crossfade.schema.settings import default_settings
from crossfade.schema.tables import TABLES

HERE: Final = Path(__file__).parent
BOTS: Final = "silver/bots"
# What the script makes; a refresh may make more, and more columns, at its own cost.
MADE: Final = (
    *(f"silver/{name}" for name in ("events", "artists", "playlists", "users", "tracks")),
    *(f"gold/{name}" for name in ("interactions", "track_days", "artist_days", "user_profiles", "catalogue")),
)


def build(lake: Lake, out: Path, settings: LakeSettings) -> None:
    """Write each of `MADE` as one Parquet file; who is a bot is read from the lake, since nobody had asked a script that."""
    connection = duckdb.connect(config={"temp_directory": str(out / "spill")})
    connection.execute("SET TimeZone = 'UTC'")
    for name in TABLES:
        _view(connection, f"bronze_{name}", lake.files(BRONZE, name))
    _view(connection, "bots", lake.files(SILVER, "bots"))
    spans = {
        "gap_us": settings.session_gap_minutes * 60_000_000,
        "lateness_us": settings.lateness_days * 86_400_000_000,
    }
    numbers = settings.model_dump() | spans
    for layer in ("silver", "gold"):
        connection.execute(Template((HERE / f"{layer}.sql").read_text("utf-8")).substitute(numbers))
    for table in MADE:
        name = table.partition("/")[2]
        connection.execute(f"COPY {name} TO '{out / table.replace('/', '-')}.parquet' (FORMAT parquet)")


def _view(connection: duckdb.DuckDBPyConnection, name: str, files: list[Path]) -> None:
    listed = ", ".join(f"'{file}'" for file in files)
    connection.execute(f"CREATE VIEW {name} AS FROM read_parquet([{listed}], union_by_name = true)")


if __name__ == "__main__":
    build(Lake.open(Path(sys.argv[1])), Path(sys.argv[2]), default_settings().lake)
