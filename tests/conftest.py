"""What all tests share: slow groups first, rare garbage collection, training without tracing where tests ask for `untraced`."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from crossfade.cli.collecting import collect_rarely
from crossfade.schema.durable import locked
from tests.cassandra_server import CassandraServer, running_cassandra

# Folders whose tests share what takes seconds to start or to make: brokers, databases, `crossfade serve`, a planted person.
TOGETHER: Final = ("integration", "privacy", "serving", "store", "twin")

collect_rarely()  # a worker soon holds millions of objects of libraries; looking at them costs a tenth of the suite


@pytest.hookimpl(tryfirst=True)  # the workers read the groups in this hook, too
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what shares a fixture on one worker, and begin with slow tests, so that at the end no worker waits for one of them."""
    groups = {item: _group(item) for item in items}
    slow = {groups[item] for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: groups[item] not in slow)
    for item in items:
        item.add_marker(pytest.mark.xdist_group(groups[item]))


def _group(item: pytest.Item) -> str:
    """Return the folder of a test whose folder shares servers or a world, else its file."""
    place = item.path.relative_to(Path(__file__).parent)
    return place.parts[0] if place.parts[0] in TOGETHER else str(place)


@pytest.fixture
def untraced() -> Iterator[None]:
    """Train eagerly: for the few steps that a tiny data set takes, tracing costs ten times as much as they do."""
    from crossfade.retrieval.tensorflow_setup import tf

    tf.config.run_functions_eagerly(True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Even though the .*run_functions_eagerly", UserWarning)
        yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def planted_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `tests.recommender.world.train` leaves, made once for all processes of a run; work on `world.copied`."""
    from tests.recommender import world

    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "planted-world"
    with locked(home.with_suffix(".lock")):
        if not home.exists():
            world.train(home.with_suffix(".tmp"))
            home.with_suffix(".tmp").rename(home)
    return home


@pytest.fixture(scope="session")
def cassandra_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CassandraServer]:
    """One Cassandra for all tests of a process: starting it takes ten seconds of a core."""
    with running_cassandra(tmp_path_factory.mktemp("cassandra")) as server:
        yield server
