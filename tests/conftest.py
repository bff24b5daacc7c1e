"""What all tests share: slow groups first, rare garbage collection, training without tracing where tests ask for `untraced`."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from crossfade.cli.collecting import collect_rarely
from crossfade.schema.durable import locked
from tests.cassandra_server import CassandraServer, running_cassandra

# Folders whose tests share what takes seconds to start or to make: brokers, databases, `crossfade serve`, a planted person.
TOGETHER: Final = ("cluster", "experiments", "integration", "privacy", "serving", "store", "twin")

collect_rarely()  # a worker soon holds millions of objects of libraries; looking at them costs a tenth of the suite


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make test-kubernetes` ask for what would take `make test` too long."""
    parser.addoption("--kubernetes", action="store_true", help="Run tests/cluster on a real API server.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the groups that have slow tests, so that at the end no worker waits for one of them."""
    slow = {_group(item.nodeid) for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: _group(item.nodeid) not in slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep on one worker what shares a fixture."""
    from xdist.scheduler import LoadScopeScheduling

    class Grouped(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    return Grouped(config, log)


def _group(nodeid: str) -> str:
    """Return the folder of a test whose folder shares servers or a world, else its file."""
    file = nodeid.partition("::")[0]
    folder = file.split("/")[1]
    return folder if folder in TOGETHER else file


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
