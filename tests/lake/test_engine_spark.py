"""Spark gives the rows that DuckDB gives, table by table, and leaves Delta tables that either reads."""

import builtins
import importlib
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from benchmarks.weekly.kills import digests
from crossfade.cli.main import main
from crossfade.lake import bot_intruders, bot_rules, bots
from crossfade.lake.build import STEPS, refresh
from crossfade.lake.engine_duckdb import engine
from crossfade.lake.lake import BRONZE, SILVER, Lake
from crossfade.lake.layout import BOTS
from crossfade.quality.validate import validate
from crossfade.recommender.workspace import Workspace
from crossfade.schema import columns as c
from crossfade.schema.errors import CrossfadeError, IntegrityError, MissingExtraError, NotFoundError
from crossfade.schema.settings import default_settings, parse_settings
from crossfade.schema.tables import Surface
from crossfade.schema.user_keys import new_key, write_keys
from crossfade.store import shards_spark
from crossfade.store.plan import plan_shards, shard_home
from crossfade.store.shards import generate_shard
from tests.lake.flawed import ALLOWED, flawed_lake
from tests.recommender.world import copied

# py4j leaves its sockets to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
BY_DAYS: Final = ("lake.rebuild_rows=0", "lake.reopen_share=1")
SETTINGS: Final = parse_settings("", BY_DAYS)
ON_SPARK: Final = parse_settings("", [*BY_DAYS, "lake.engine=spark", "lake.spark_master=local[2]"])
RULES: Final = {
    bot_rules.LOOP, bot_rules.METRONOME, bot_rules.ROUND_THE_CLOCK, bot_intruders.INTRUDER, bot_intruders.IMPOSSIBLE_TRAVEL,
    bots.ODD, bots.MOSTLY, bots.DENIED,
}  # fmt: skip


def rows_of(lake: Lake, table: str) -> list[str]:
    """Return the rows of a table as text, which shows floats to their last bit, in an order of their own."""
    return sorted(map(repr, lake.read(*table.split("/")).to_pylist()))


@pytest.mark.slow
@pytest.mark.timeout(900)  # half a minute where nothing else runs
def test_all_tables_are_equal_row_by_row(spark: Any, tmp_path: Path) -> None:
    ours, key = flawed_lake(tmp_path / "duckdb"), new_key()
    theirs = Lake(Path(shutil.copytree(ours.path, tmp_path / "spark")))
    for lake in (ours, theirs):
        write_keys(lake.path, (key,))
    by_duckdb, by_spark = refresh(ours, SETTINGS), refresh(theirs, ON_SPARK)
    assert {row[c.RULE] for row in ours.read(SILVER, BOTS).to_pylist()} == RULES
    assert {
        row[c.IS_FLAGGED]
        for row in ours.read(SILVER, BOTS).to_pylist()
        if row[c.USER_ID] == key.pseudonym(ALLOWED)
    } == {False}
    assert by_spark.tables == by_duckdb.tables
    for step in STEPS:
        assert theirs.read(*step.target.split("/")).schema.equals(ours.read(*step.target.split("/")).schema)
        assert rows_of(theirs, step.target) == rows_of(ours, step.target), step.target
    assert refresh(theirs, SETTINGS).written == ()  # which engine made a table is not what it was made from
    now = datetime.now(UTC)
    found, same = validate(ours, SETTINGS, now=now), validate(theirs, ON_SPARK, now=now)
    assert [(each.name, each.observed, each.examples) for each in same.results] == [
        (each.name, each.observed, each.examples) for each in found.results
    ]
    _later_commits(ours, theirs)


def _later_commits(ours: Lake, theirs: Lake) -> None:
    """Check that what Spark wrote can be read as of before, and that days are replaced alike, by Spark and then by DuckDB."""
    events = ours.read(BRONZE, "events")
    more = events.filter(pc.is_valid(events.column(c.TIMESTAMP))).slice(0, 1)
    for number, settings in enumerate((ON_SPARK, SETTINGS)):
        new = more.set_column(0, c.EVENT_ID, pa.array([f"new-{number}"]))
        for lake, used in ((ours, SETTINGS), (theirs, settings)):
            lake.append(BRONZE, "events", new)
            before = lake.read(SILVER, "events")
            assert {"silver/bot_hours", "silver/events"} <= set(refresh(lake, used).updated)
            newest = lake.version(SILVER, "events")
            assert newest is not None
            assert lake.read(SILVER, "events", newest - 1).num_rows == before.num_rows
        for step in STEPS:
            assert rows_of(ours, step.target) == rows_of(theirs, step.target), step.target


def test_the_contract_of_engines(spark: Any, tmp_path: Path) -> None:
    from crossfade.lake.engine_spark import spark_engine

    schema = pa.schema([("key", pa.string()), ("whole", pa.int64())])
    rows = pa.table({"key": ["a", "b", None], "whole": [1, None, 3]}, schema=schema)
    lake = Lake.create(tmp_path / "lake")
    lake.append(BRONZE, "rows", rows)
    for opened in (engine(tmp_path / "here"), spark_engine(tmp_path / "there", "local[2]")):
        with opened as session:
            assert session.count(session.table([], schema)) == 0
            table = session.table(lake.files(BRONZE, "rows"), schema)
            kept = session.kept("some", table.filter(table.key.notnull()))
            assert session.kept("some", table).equals(kept)
            assert session.counts(kept, table, kept) == [2, 3, 2]
            assert session.rows(kept.order_by("key")).to_pylist() == rows.slice(0, 2).to_pylist()
            assert session.batches(table, schema).read_all().sort_by("whole").equals(rows.take([0, 2, 1]))
            session.overwrite(lake, "silver/rows", kept, schema, {"why": "test"})
            assert lake.history(SILVER, "rows")[0]["why"] == "test"
            session.overwrite(lake, "silver/rows", kept.filter(kept.key == "c"), schema)
            assert lake.num_rows(SILVER, "rows") == 0
            assert lake.read(SILVER, "rows").schema.equals(schema)


# Here and not beside other tests of shards, since tests of one file share a process, and with it the session.
def test_shards_of_a_batch_have_the_bytes_that_one_machine_writes(
    spark: Any,
    planted_world: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert spark is not None
    here, there = tmp_path / "here", tmp_path / "spark"
    bundle, settings = copied(planted_world, here), default_settings().weekly
    settings = settings.model_copy(update={"users_per_shard": 21})
    specs = plan_shards(here / "dataset", bundle, Workspace(here), settings, Surface.DISCOVER_WEEKLY)
    for spec in specs:
        generate_shard(here / "dataset", bundle, Workspace(here), settings, spec)
    written = digests(here)
    assert len(written) == 1 + 2 * len(specs) == 5  # the plan, and each shard with its receipt

    copied(planted_world, there)
    Workspace(there).promote(bundle.name, reason="Planted.", run_id="r", evaluation={})
    places = ["--workspace", str(there), "--dataset", str(there / "dataset")]
    command = ["weekly", "spark", *places, "--set", "weekly.users_per_shard=21"]
    assert main(command) == 0
    assert "41 of 41 users (100%), finished" in capsys.readouterr().out
    assert digests(there) == written

    (there / "weekly").rename(there / "earlier")
    monkeypatch.setattr(shards_spark, "LEAST_TASKS_A_CORE", 0)  # so that one task has both shards
    assert main(command) == 0
    assert digests(there) == written

    home = shard_home(Workspace(there), specs[0].surface, specs[0].generation)
    kept, killed = (home / f"{spec.stem}.parquet" for spec in specs)
    before = kept.stat().st_mtime_ns
    killed.with_suffix(".json").unlink()
    assert main(command) == 0
    assert (kept.stat().st_mtime_ns, digests(there)) == (before, written)


def test_what_a_worker_raises_is_told_in_one_line(spark: Any) -> None:
    from crossfade.lake.engine_spark import in_one_line

    def failing(batches: Any) -> Any:
        raise IntegrityError(f"{next(batches).num_rows} row is torn.")

    with (
        pytest.raises(CrossfadeError) as failed,
        in_one_line("A shard of week", "Run it again."),
    ):
        spark.range(1, numPartitions=1).mapInArrow(failing, "id bigint").toArrow()
    assert str(failed.value) == (
        "A shard of week failed on Spark: crossfade.schema.errors.IntegrityError: 1 row is torn. Run it again."
    )


def test_a_dataset_that_is_not_there(
    planted_world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = copied(planted_world, tmp_path / "there")
    Workspace(tmp_path / "there").promote(bundle.name, reason="Planted.", run_id="r", evaluation={})
    command = ["weekly", "spark", "--workspace", str(tmp_path / "there"), "--dataset", str(tmp_path)]
    assert main(command) == 2
    assert "is not a dataset (it has no split.json)" in capsys.readouterr().err


INTERRUPTED = """
import os
import signal
import sys
from pathlib import Path

from crossfade.lake.engine_spark import spark_session

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
with spark_session(Path(sys.argv[1]), "local[1]"):
    pass
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.usefixtures("spark")  # or why there is none
def test_after_a_session_ctrl_c_is_ctrl_c(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout.splitlines() == ["interrupted"], done.stderr


def test_without_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from crossfade.lake import engine_spark

    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(NotFoundError, match=r"there is no java on the PATH or in JAVA_HOME; install Java 17"):
        engine_spark._started("local[2]", tmp_path)


def test_a_spark_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyspark.errors import PySparkRuntimeError

    from crossfade.lake import engine_spark

    class Builder:
        def __getattr__(self, name: str) -> Any:
            return lambda *_: self

        def getOrCreate(self) -> None:  # noqa: N802 (Spark's name)
            raise PySparkRuntimeError("gateway exited")

    monkeypatch.setattr(engine_spark.SparkSession, "builder", Builder())
    with pytest.raises(
        NotFoundError, match=r"does not start at lake.spark_master 'local\[2\]': .*gateway exited"
    ):
        engine_spark._started("local[2]", tmp_path)


def test_without_pyspark(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name.startswith("pyspark"):
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.delitem(sys.modules, "crossfade.lake.engine_spark", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pyspark is needed .* 'crossfade\[spark\]'"):
        importlib.import_module("crossfade.lake.engine_spark")
