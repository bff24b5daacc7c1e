"""Tells a process from a later one that was given the same number (Linux)."""

from pathlib import Path
from typing import Final

START_TIME_FIELD: Final = 19  # of /proc/<pid>/stat after the command's name; proc(5) calls it field 22


def start_time(pid: int) -> str | None:
    """Return when a process started, in the kernel's ticks, None if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return stat.rpartition(")")[2].split()[START_TIME_FIELD]
