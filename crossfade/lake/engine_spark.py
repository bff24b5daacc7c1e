"""The lake's transformations on Spark: it reads and writes the tables' Parquet files itself, and delta-rs keeps their log.

Rows go from the executors to the files and never through this process; what passes it are the files' names and row counts.
Spark's own Delta package is not needed (docs/decisions/0017).
"""

import os
import re
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.dataset as ds

from crossfade.lake.engine import BATCH_ROWS, Engine, all_counts, told_counts
from crossfade.lake.lake import Lake
from crossfade.schema.errors import CrossfadeError, MissingExtraError, NotFoundError

try:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.pandas.types import from_arrow_schema
except ImportError as error:
    raise MissingExtraError("pyspark", "spark") from error

LOCAL: Final = "local"
WORKER_RAISED: Final = re.compile(r"(?!java\.|org\.|py4j\.)[\w.]*(Error|Exception): ")
# Of each session of ours, whatever the cluster's defaults are.
SESSION: Final = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",  # as Delta has them
    "spark.sql.ansi.enabled": "true",  # what DuckDB would answer otherwise (a division by zero) fails loudly
}
# Of a Spark that this process starts for itself.
STARTED: Final = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


class SparkEngine:
    """One Spark session."""

    def __init__(self, session: SparkSession, scratch: Path) -> None:
        self._spark = session.newSession()  # settings and views of its own, on the same executors
        for key, value in SESSION.items():
            self._spark.conf.set(key, value)
        self._ibis = ibis.pyspark.connect(self._spark)
        self._scratch = scratch
        self._num_views = 0
        self._kept: dict[str, ir.Table] = {}
        self._tables: dict[tuple[pa.Schema, tuple[Path, ...]], ir.Table] = {}

    def table(self, files: Sequence[Path], schema: pa.Schema) -> ir.Table:
        """See `Engine.table`."""
        key = (schema, tuple(files))
        if key not in self._tables:  # files never change
            typed = from_arrow_schema(schema)
            read = self._spark.read.schema(typed)
            uris = [_uri(file) for file in files]
            self._tables[key] = self._view(
                read.parquet(*uris) if files else self._spark.createDataFrame([], typed)
            )
        return self._tables[key]

    def view(self, about: str, expression: ir.Table) -> ir.Table:  # noqa: ARG002 (the contract's)
        """See `Engine.view`; composing is little of what Spark takes."""
        return expression

    def kept(self, name: str, expression: ir.Table) -> ir.Table:
        """See `Engine.kept`."""
        if name not in self._kept:
            directory = self._scratch / f"kept-{name}"
            frame = self._frame(expression)
            frame.write.parquet(_uri(directory))
            read = self._spark.read.schema(frame.schema)  # Spark would start a job to find it out
            self._kept[name] = self._view(read.parquet(_uri(directory)))
        return self._kept[name]

    def count(self, expression: ir.Table) -> int:
        """See `Engine.count`."""
        return int(self._frame(expression).count())

    def counts(self, *expressions: ir.Table) -> list[int]:
        """See `Engine.counts`."""
        return told_counts(self.rows(all_counts(expressions)))

    def rows(self, expression: ir.Table) -> pa.Table:
        """See `Engine.rows`."""
        return self._frame(expression).toArrow()

    def batches(self, expression: ir.Table, schema: pa.Schema) -> pa.RecordBatchReader:
        """See `Engine.batches`; the rows are computed into files first, which are then streamed through this process."""
        files = self._written(expression, schema)
        found = ds.dataset([str(file) for file in files], schema=schema).to_batches(batch_size=BATCH_ROWS)
        return pa.RecordBatchReader.from_batches(schema, found)

    def aside(self, name: str, expression: ir.Table, schema: pa.Schema) -> None:
        """See `Engine.aside`: Spark itself writes several files at once."""

    def overwrite(
        self,
        lake: Lake,
        table: str,
        expression: ir.Table,
        schema: pa.Schema,
        about: Mapping[str, str] | None = None,
    ) -> None:
        """See `Engine.overwrite`."""
        layer, _, name = table.partition("/")
        lake.overwrite_by_files(layer, name, self._written(expression, schema), schema, about)

    def _frame(self, expression: ir.Table) -> DataFrame:
        return self._spark.sql(self._ibis.compile(expression))

    def _view(self, frame: DataFrame) -> ir.Table:
        self._num_views += 1
        name = f"crossfade_{self._num_views}"
        frame.createOrReplaceTempView(name)
        return self._ibis.table(name)

    def _written(self, expression: ir.Table, schema: pa.Schema) -> list[Path]:
        """Compute an expression into new Parquet files of a schema, in scratch."""
        self._num_views += 1
        directory = self._scratch / f"written-{self._num_views}"
        frame = self._frame(expression.select(schema.names))
        typed = [frame[field.name].cast(field.dataType) for field in from_arrow_schema(schema)]
        frame.select(*typed).toDF(*schema.names).write.parquet(_uri(directory))
        return sorted(directory.glob("*.parquet"))


@contextmanager
def spark_engine(scratch: Path, master: str) -> Iterator[Engine]:
    """Compute tables by the session of `spark_session`; arguments and errors are its."""
    with spark_session(scratch, master) as session:
        yield SparkEngine(session, scratch)


@contextmanager
def spark_session(scratch: Path, master: str) -> Iterator[SparkSession]:
    """Use the Spark session that is active in this process, or one that is started for the block.

    Args:
        scratch: See `chosen_engine`.
        master: For example "local[2]" or "k8s://https://host"; only read where a session is started. A local one binds
            loopback only; for any other, `spark-defaults.conf` says what executors reach and how large they are.

    Raises:
        NotFoundError: There is no Java, or Spark does not start.
    """
    if (active := SparkSession.getActiveSession()) is not None:
        yield active
        return
    with own_interrupts():
        session = _started(master, scratch)
        try:
            yield session
        finally:
            session.stop()


@contextmanager
def own_interrupts() -> Iterator[None]:
    """Take SIGINT as before once the block ends: what a Spark context takes it by outlives it, and fails without it."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():  # else Spark has left it alone, too
            signal.signal(signal.SIGINT, before)


@contextmanager
def in_one_line(task: str, advice: str) -> Iterator[None]:
    """Tell what a Python worker of Spark raised without the traces of worker and JVM around it.

    Raises:
        CrossfadeError: Spark gave up; the words say which task, what the worker raised, and what to do.
    """
    try:
        yield
    except PySparkException as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raised = [line for line in lines if WORKER_RAISED.match(line)] or lines[:1] or [type(error).__name__]
        raise CrossfadeError(f"{task} failed on Spark: {raised[-1]} {advice}") from error


def _started(master: str, scratch: Path) -> SparkSession:
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=f"{home}/bin" if home else None) is None:
        raise NotFoundError(
            "lake.engine is spark, but there is no java on the PATH or in JAVA_HOME; install Java 17, or set lake.engine to "
            "duckdb."
        )
    builder = SparkSession.builder.appName("crossfade").master(master)
    builder = builder.config("spark.sql.warehouse.dir", _uri(scratch / "warehouse"))
    for key, value in STARTED.items() if master.startswith(LOCAL) else ():
        builder = builder.config(key, value)
    try:
        return builder.getOrCreate()
    except (PySparkException, Py4JError) as error:
        raise NotFoundError(
            f"Spark does not start at lake.spark_master {master!r}: {error}; see its output above."
        ) from error


def _uri(path: Path) -> str:
    """Return a path as Spark takes it, whatever file system is its default."""
    return f"file://{path.absolute()}"
