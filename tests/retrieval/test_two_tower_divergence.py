"""A loss that is no number ends training, and what tells why, and where to go on from, is kept."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossfade.features.dataset import Dataset
from crossfade.recommender.fit import fit_sources
from crossfade.retrieval import two_tower_training
from crossfade.retrieval.two_tower import TwoTower
from crossfade.retrieval.two_tower_learnt import Learnt
from crossfade.schema.errors import DivergedError, TrainingError
from crossfade.schema.settings import default_settings, load_settings
from tests.builders import dataset

SMALL = {"dim": 8, "history_length": 5, "batch_size": 32, "hard_negatives": 4}


def model(**changes: Any) -> TwoTower:
    settings = default_settings()
    return TwoTower(settings.two_tower.model_copy(update=SMALL | changes), settings.index, 1)


@pytest.fixture(scope="module")
def planted() -> Dataset:
    """Forty users who play ten tracks each."""
    random = np.random.default_rng(0)
    return dataset(
        [
            (f"u{user:02}", f"{'ab'[user % 2]}{random.integers(8)}", day + user / 99)
            for user in range(40)
            for day in range(10)
        ]
    )


def test_a_loss_that_is_no_number_stops_training(planted: Dataset, tmp_path: Path) -> None:
    with pytest.raises(
        DivergedError,
        match=r"loss is nan at epoch 1, step 2; .* batch holds \d+ examples: user row \d+ with track row \d+, .*"
        r"Last good checkpoint: none, since this is the first epoch\. Lower two_tower\.learning_rate",
    ) as found:
        model(learning_rate=float("inf")).fit(planted)
    found.value.keep(tmp_path / "kept")
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["batch.json"]


def test_the_last_good_epoch_is_kept_with_the_batch_that_broke_training(
    planted: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = two_tower_training._Watch.on_train_batch_end

    def ended(self: Any, batch: int, logs: dict[str, Any]) -> None:
        watched(self, batch, logs | {"loss": math.nan} if self.epoch == 3 else logs)

    monkeypatch.setattr(two_tower_training._Watch, "on_train_batch_end", ended)
    with pytest.raises(
        DivergedError, match=r"nan at epoch 3, step 1; .*Last good checkpoint: epoch 2\."
    ) as found:
        model(epochs=3).fit(planted)
    found.value.keep(tmp_path)
    batch = json.loads((tmp_path / "batch.json").read_text("utf-8"))
    assert (batch["epoch"], batch["step"], batch["loss"]) == (3, 1, "nan")
    assert len(batch["user_rows"]) == len(batch["track_rows"]) == 32
    pairs = set(zip(planted.interactions.user_rows, planted.interactions.track_rows, strict=True))
    assert set(zip(batch["user_rows"], batch["track_rows"], strict=True)) <= pairs
    kept = Learnt.load(tmp_path, planted.catalogue)
    assert [epoch["epoch"] for epoch in kept.history] == [1, 2]
    assert np.isfinite(kept.track_vectors).all()


def test_the_step_that_fits_says_where_they_are_kept(planted: Dataset, tmp_path: Path) -> None:
    planted.save(tmp_path / "dataset")
    settings = load_settings(
        None,
        [*(f"two_tower.{name}={value}" for name, value in SMALL.items()), "two_tower.learning_rate=1e38"],
    )
    with pytest.raises(
        TrainingError, match=r"nan at epoch 1, .* Batch and checkpoint are kept in .*diverged"
    ):
        fit_sources(tmp_path / "dataset", tmp_path / "sources", until="end", settings=settings)
    assert (tmp_path / "sources" / "diverged" / "batch.json").is_file()
