"""Properties files are read as Kafka's tools read them, but for what exactly-once rests on."""

import logging
from pathlib import Path

import pytest

from crossfade.schema.errors import InputError, NotFoundError
from crossfade.sources.kafka.client import Unrepeated, failure, read_properties


def test_a_properties_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "kafka.properties").write_text(
        "# TLS\n\nsecurity.protocol = SSL\nssl.key.password=a=b\n", "utf-8"
    )
    assert read_properties(tmp_path / "kafka.properties") == {
        "security.protocol": "SSL",
        "ssl.key.password": "a=b",
    }


def test_what_may_not_be_set_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "kafka.properties"
    with pytest.raises(NotFoundError, match=r"no properties file .*kafka\.properties"):
        read_properties(file)
    file.write_text("a=b\nnonsense", "utf-8")
    with pytest.raises(InputError, match="line 2: needs key=value, got 'nonsense'"):
        read_properties(file)
    file.write_text("enable.auto.commit=true", "utf-8")
    with pytest.raises(InputError, match=r"line 1: enable\.auto\.commit is set by Crossfade itself"):
        read_properties(file)


def test_a_failure_says_that_nothing_is_lost() -> None:
    assert str(failure("Broker: gone")).startswith(
        "Kafka cannot go on: Broker: gone. What was committed is safe"
    )


def test_the_same_fault_is_told_once_a_minute() -> None:
    told = Unrepeated()

    def passes(text: str, seconds: float) -> bool:
        record = logging.makeLogRecord({"msg": text, "created": seconds})
        return told.filter(record)

    assert passes("Connect failed (after 0ms in state CONNECT)", 100.0)
    assert not passes("Connect failed (after 4ms in state CONNECT)", 159.0)
    assert passes("Another fault", 159.5)
    assert passes("Connect failed (after 0ms in state CONNECT)", 159.6)
    assert passes("Connect failed (after 0ms in state CONNECT)", 219.7)
