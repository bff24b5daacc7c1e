"""Of the two aims of the Kafka benchmark one is enough, and both can be missed."""

import pytest

from benchmarks import kafka
from benchmarks.harness import Options
from crossfade.schema.errors import NotFoundError

BARE = [(1.0, 0.2)] * 3


@pytest.mark.parametrize(
    ("seconds", "bar", "holds"),
    [(1.9, "bronze_events_per_second", True), (2.1, "share_of_bare", False)],
)
def test_a_fast_consumer_is_held_to_its_rate_a_slow_one_to_its_share(
    seconds: float, bar: str, holds: bool
) -> None:
    sides = {"bare": BARE, "bronze": [(seconds, 0.5)] * 3}
    result = kafka._result(sides, 100_000, 30_000_000, quick=True)
    assert {name: each.holds for name, each in result.bars.items()} == {bar: holds}
    assert result.figures["bare_events_per_second"] == 100_000
    assert result.figures["bronze_events_per_processor_second"] == 200_000
    assert result.figures["bytes_per_event"] == 300


def test_a_slow_machine_may_hold_the_share() -> None:
    sides = {"bare": [(10.0, 1.0)] * 3, "bronze": [(12.5, 2.0)] * 3}
    result = kafka._result(sides, 100_000, 1, quick=False)
    assert result.figures["share_of_bare"] == 0.8
    assert result.bars["share_of_bare"].holds


def test_without_java_or_maven_it_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "artefacts", lambda: (None, "java and mvn are not both installed"))
    with pytest.raises(NotFoundError, match="needs Apache Kafka, but java and mvn are not both installed"):
        kafka.run(Options())
