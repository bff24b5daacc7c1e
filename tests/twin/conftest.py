"""One small twin that the tests of this folder share, and its listens."""

import pytest

from crossfade.twin.portrait import Listens
from crossfade.twin.spec import TwinSpec
from crossfade.twin.twin import Twin, simulate


@pytest.fixture(scope="session")
def twin() -> Twin:
    return simulate(TwinSpec(num_users=500, num_tracks=2_000, num_days=42, seed=7))


@pytest.fixture(scope="session")
def listens(twin: Twin) -> Listens:
    return Listens(twin)
