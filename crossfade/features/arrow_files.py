"""Arrow files on disk: written whole or not at all, read memory-mapped."""

from pathlib import Path

import pyarrow as pa

from crossfade.schema.durable import replacing
from crossfade.schema.errors import IntegrityError


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table as one Arrow IPC file, atomically (temporary file, then rename)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        replacing(path) as partial,
        pa.OSFile(str(partial), "wb") as sink,
        pa.ipc.new_file(sink, table.schema) as writer,
    ):
        writer.write_table(table.combine_chunks())


def read_table(path: Path) -> pa.Table:
    """Memory-map an Arrow IPC file.

    Raises:
        IntegrityError: The file is missing, truncated or not Arrow.
    """
    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except (OSError, pa.ArrowInvalid) as error:
        raise IntegrityError(f"{path} is not a whole Arrow file: {error}") from error
