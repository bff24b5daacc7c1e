"""Where a lake may be."""

from pathlib import Path
from typing import Final

from crossfade.schema.errors import InputError

ABOUT_FILE: Final = "lake.json"
LOCK_FILE: Final = ".lock"
SCRATCH: Final = ".scratch"
# A lake killed while it was made holds at most these; anything else means that the directory is in other use.
OWN_FILES: Final = (ABOUT_FILE, LOCK_FILE, SCRATCH, f".{ABOUT_FILE}.")

# delta-rs 1.6 cannot write below such a path, or DuckDB would read it as a pattern.
UNUSABLE: Final = frozenset("%[]^|\\*?")


def refuse_unusable(path: Path) -> None:
    """Refuse a path with characters that Delta cannot write.

    Raises:
        InputError: It has such.
    """
    unusable = sorted(set(str(path.absolute())) & UNUSABLE)
    if unusable:
        raise InputError(
            f"A lake's path must not contain {' '.join(unusable)}, got {path.absolute()}; name another path."
        )


def refuse_foreign(path: Path) -> None:
    """Refuse a path at which something else is than nothing, an empty directory, or the beginnings of a lake.

    Raises:
        InputError: There is a file, or a directory that holds other things.
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"A lake is a directory, but {path} is a file; name another path.")
    entries = path.iterdir() if path.exists() else ()
    foreign = sorted(entry.name for entry in entries if not entry.name.startswith(OWN_FILES))
    if foreign:
        raise InputError(
            f"{path} is not a lake (it has no {ABOUT_FILE}) and is not empty: it holds {foreign[0]}"
            f"{' and more' if len(foreign) > 1 else ''}; name a new directory or an existing lake."
        )
