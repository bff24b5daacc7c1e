"""Bytes of a name in files of any kind: what an erasure looks for when it believes to have finished."""

import json
import mmap
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

SHORTEST: Final = 6  # characters; shorter names stand in compressed bytes by chance


def files_holding(directories: Iterable[Path], names: Collection[str]) -> list[Path]:
    """Return the files, sorted, that hold a name of 6 characters or more, as it is or as JSON writes it; nothing is unpacked."""
    forms = {form for name in names for form in (name, json.dumps(name)[1:-1])}
    wanted = [form.encode() for form in sorted(forms) if len(form) >= SHORTEST]
    files = (file for directory in directories for file in sorted(directory.rglob("*")) if file.is_file())
    return [file for file in files if _holds(file, wanted)]


def _holds(file: Path, wanted: list[bytes]) -> bool:
    if not file.stat().st_size:
        return False
    with file.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(name) >= 0 for name in wanted)
