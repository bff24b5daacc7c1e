"""Who is held out follows from own ids; without their key nothing is compared. `tests/cli/test_experiment.py` has figures."""

from pathlib import Path

import pyarrow as pa
import pytest

from crossfade.experiments.holdout import _split
from crossfade.experiments.participation import Participation
from crossfade.lake.lake import Lake
from crossfade.schema.errors import InputError
from crossfade.schema.user_keys import UserKey
from tests.experiments.rollouts import experiment


def test_pseudonyms_without_their_key_are_not_compared(tmp_path: Path) -> None:
    name = UserKey(b"0123456789abcdef").pseudonym("u1")
    lake, participation = Lake.create(tmp_path / "lake"), Participation(experiment(holdout=0.2))
    with pytest.raises(InputError, match=f"whose pseudonym {name} is cannot be told"):
        _split(lake, participation, pa.table({"user_id": [name]}))
    users = [f"u{number}" for number in range(200)]
    arms = _split(lake, participation, pa.table({"user_id": users}))
    assert arms["held_out"].column("user_id").to_pylist() == [
        u for u in users if participation.is_held_out(u)
    ]
    assert 20 < len(arms["held_out"]) < 60
    assert len(arms["held_out"]) + len(arms["others"]) == 200
