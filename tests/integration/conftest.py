"""The broker that the Kafka tests of this folder run on; their names say which it is."""

from collections.abc import Iterator

import pytest

from benchmarks.kafka_broker import APACHE, BUILT_IN, Broker, apache_kafka, artefacts, built_in


@pytest.fixture(scope="session", params=[APACHE, BUILT_IN])
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Apache Kafka where Maven and Java are there, else librdkafka's own; tests of the other are skipped."""
    jars, why_not = artefacts()
    if request.param == APACHE:
        if jars is None:
            pytest.skip(f"no Apache Kafka ({why_not}); {BUILT_IN}'s own broker runs instead")
        with apache_kafka(jars, tmp_path_factory.mktemp("kafka")) as found:
            yield found
    else:
        if jars is not None:
            pytest.skip("Apache Kafka runs")
        with built_in() as found:
            yield found
