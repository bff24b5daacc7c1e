"""`crossfade ingest kafka` refuses what cannot work before it makes a lake; the rest stands in tests/integration."""

from pathlib import Path

import pytest

from crossfade.cli.main import main


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--schema", "a.avsc"], "JSON needs no schema file"),
        (["--format", "avro"], "Avro needs the schema"),
        (["--format", "xml"], "'xml' is not one of 'json', 'avro'"),
        (["--kafka-config", "none.properties"], "There is no properties file none.properties"),
        (["--set", "stream.batch_rows=0"], "stream.batch_rows"),
    ],
)
def test_wrong_options_are_one_line(
    more: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lake = tmp_path / "lake"
    common = ["ingest", "kafka", "--brokers", "127.0.0.1:1", "--topic", "t", "--lake", str(lake)]
    assert main([*common, *more]) == 2
    assert message in capsys.readouterr().err
    assert not lake.exists()
