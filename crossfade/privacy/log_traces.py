"""A person in logs and other texts: lines that name them, found, given to them and taken out."""

import json
from collections.abc import Collection, Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any, Final

from crossfade.privacy.lake_traces import Note, mentions
from crossfade.privacy.receipt import Erased
from crossfade.schema.durable import replace_file
from crossfade.schema.errors import NotFoundError

LINES: Final = (".log", ".jsonl", ".txt")  # a line that names a person is about them
DOCUMENTS: Final = (".json", ".yaml")  # without such a line they could not be read any more
ERASED: Final = "erased"


def require_files(logs: Iterable[Path]) -> None:
    """Refuse logs that are not there.

    Raises:
        NotFoundError: Names the first one.
    """
    for path in logs:
        if not path.is_file():
            raise NotFoundError(f"There is no log at {path}; name a file with --log.")


def naming(files: Iterable[Path], names: Collection[str]) -> Iterator[Path]:
    """Yield the files whose text holds one of the names as a whole word."""
    found = mentions(*names)
    return (path for path in files if found.search(_text(path)))


def lines_of(path: Path, names: list[str]) -> list[Any]:
    """Return the lines that name a person, as JSON values where they are some, under the person's own id, the last name."""
    found = mentions(*names)
    lines = (line.removesuffix("\n") for line in _lines(path.read_text("utf-8", errors="replace")))
    return [_value(found.sub(lambda _: names[-1], line)) for line in lines if found.search(line)]


def erase_mentions(path: Path, place: str, names: Collection[str], note: Note) -> None:
    """Remove the lines that name a person; in a document the name is blotted out.

    Args:
        path: Of the text.
        place: Its name in the receipt.
        names: Under which the person may stand.
        note: Told before the text is replaced.
    """
    found, text = mentions(*names), _text(path)
    if path.suffix in DOCUMENTS:
        kept, count = found.subn(ERASED, text)
    else:
        lines = _lines(text)
        left = [line for line in lines if not found.search(line)]
        kept, count = "".join(left), len(lines) - len(left)
    note(Erased(place, "mentions" if path.suffix in DOCUMENTS else "lines", count))
    replace_file(path, kept.encode("utf-8", errors="surrogateescape"))


def _text(path: Path) -> str:
    return path.read_text("utf-8", errors="surrogateescape")


def _lines(text: str) -> list[str]:
    """Return lines with their ends; they end at line feeds alone, since an id may hold what else Unicode calls an end."""
    return list(StringIO(text))


def _value(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return line
