"""Opens the engine that the settings choose."""

from contextlib import AbstractContextManager
from pathlib import Path

from crossfade.lake.engine import Engine
from crossfade.lake.engine_duckdb import engine
from crossfade.schema.lake_settings import LakeSettings


def chosen_engine(scratch: Path, lake: LakeSettings) -> AbstractContextManager[Engine]:
    """Open the engine that the settings choose.

    Args:
        scratch: For temporary files, gone afterwards; of Spark on many machines one that they all see, as they do the lake.
        lake: `engine`, `spark_master` and `memory_gib` are read.

    Raises:
        MissingExtraError: PySpark is not installed.
        NotFoundError: Spark has no Java.
    """
    if lake.engine == "duckdb":
        return engine(scratch, lake.memory_gib)
    from crossfade.lake.engine_spark import spark_engine

    return spark_engine(scratch, lake.spark_master)
