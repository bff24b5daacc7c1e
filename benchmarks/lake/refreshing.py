"""Refreshes a lake and prints the seconds of each table as JSON.

Run as a program of its own, so that its memory can be watched: python -m benchmarks.lake.refreshing LAKE
"""

import itertools
import json
import sys
import time
from pathlib import Path

from crossfade.lake.build import refresh
from crossfade.lake.lake import Lake
from crossfade.schema.settings import default_settings


def seconds_by_table(lake: Lake) -> dict[str, float]:
    """Return the seconds of each table; the script writes users as they are, so this does: pseudonyms are not judged."""
    begun: list[tuple[str, float]] = []
    refresh(lake, default_settings().with_own_ids(), lambda table: begun.append((table, time.perf_counter())))
    begun.append(("end", time.perf_counter()))
    return {table: end - start for (table, start), (_, end) in itertools.pairwise(begun)}


if __name__ == "__main__":
    print(json.dumps(seconds_by_table(Lake.open(Path(sys.argv[1])))))
