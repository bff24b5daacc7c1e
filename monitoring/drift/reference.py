"""What the champion learnt from: the reference that later days are held against."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from crossfade.lake.lake import Lake
from crossfade.recommender.manifest import DIGEST, read_manifest
from crossfade.schema.errors import InputError, NotFoundError
from monitoring.drift.series import WEEK_DAYS, days_from

# A day counts as whole from this hour on, where nothing later is known: the last hour of a lake is often quiet.
WHOLE_FROM_HOUR: Final = 23
LEAST_WEEKS: Final = 4


@dataclass(frozen=True)
class Reference:
    """The champion's training window, as far as days are held against it.

    Args:
        bundle: Digest of the champion.
        days: Whole weeks, the last day is the last whole one that the champion knows.
        versions: Of the lake's tables that the bundle pins, as {"silver/events": 3}.
    """

    bundle: str
    days: list[date]
    versions: dict[str, int]

    @classmethod
    def of(cls, bundle_dir: Path, lake: Lake, weeks: int) -> "Reference":
        """Return the newest weeks of a bundle's window.

        Args:
            bundle_dir: The champion.
            lake: Where it learnt.
            weeks: Wanted; fewer where the window is shorter, at least 4.

        Raises:
            InputError: It learnt from another lake, from times that are not true, or from less than 4 weeks.
        """
        manifest = read_manifest(bundle_dir)
        if manifest["lake"] != lake.id:
            raise InputError(
                f"Champion {bundle_dir.name} learnt from lake {manifest['lake']!r}, but {lake.path} is {lake.id!r}; name the "
                "lake that it was trained on."
            )
        window = manifest["window"]
        if not window["split"]["has_time"]:
            raise InputError(
                f"Champion {bundle_dir.name} learnt from events without timestamps; drift needs to know the day of each."
            )
        start, end = (datetime.fromtimestamp(window[name], UTC) for name in ("start", "end"))
        stop = end_of_whole_days(end)
        known = (stop - start.date()).days // WEEK_DAYS
        if known < LEAST_WEEKS:
            raise InputError(
                f"Champion {bundle_dir.name} learnt from {known} whole weeks (since {start:%Y-%m-%d}); drift needs "
                f"{LEAST_WEEKS} to know how days differ without it. Train on more of the past."
            )
        number = WEEK_DAYS * min(known, weeks)
        return cls(
            str(manifest[DIGEST]), days_from(stop - timedelta(days=number), number), manifest["lake_versions"]
        )

    def readable(self, lake: Lake, tables: tuple[str, ...]) -> dict[str, int | None]:
        """Return the version of each table to read: as pinned, or the newest (None) where any of those is gone."""
        try:
            for table in tables:
                layer, _, name = table.partition("/")
                lake.files(layer, name, self.versions.get(table))
        except NotFoundError:
            return dict.fromkeys(tables)
        return {table: self.versions.get(table) for table in tables}


def end_of_whole_days(end: datetime) -> date:
    """Return the first day that is not wholly before a moment; one that lacks less than an hour counts as whole."""
    return (end + timedelta(hours=24 - WHOLE_FROM_HOUR)).date()
