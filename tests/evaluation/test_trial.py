"""Odd data trains and evaluates with what it has, says what is switched off, and never gives a metric that is no number."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from crossfade.evaluation.judging import judge_trial
from crossfade.evaluation.suite import RECOMMENDER
from crossfade.evaluation.table import table
from crossfade.evaluation.trial import DataFiles, Mask, Trial, read_trial
from crossfade.evaluation.trial_notes import described
from crossfade.features.dataset import Dataset
from crossfade.schema.errors import InputError
from crossfade.schema.settings import load_settings
from tests.cli.small import SET

SETTINGS = load_settings(None, [*SET, "two_tower.dim=8", "evaluation.k=5"])
FIRST_SECOND, DAY = 1_700_000_000, 86_400

pytestmark = pytest.mark.usefixtures("untraced")

Row = dict[str, Any]


def rows(
    users: int = 60, tracks: int = 100, each: int = 12, **columns: Callable[[int, int], object]
) -> list[Row]:
    """Even users play even tracks, odd users odd ones; columns are functions of user and number of the play."""
    random = np.random.default_rng(0)
    return [
        {
            "user_id": f"u{user}",
            "track_id": f"t{int(random.integers(tracks // 2)) * 2 + user % 2}",
            **{name: value(user, number) for name, value in columns.items()},
        }
        for user in range(users)
        for number in range(each)
    ]


def moment(user: int, number: int) -> int:
    return FIRST_SECOND + number * 5 * DAY + user * 60


def artist(user: int, number: int) -> str:
    return f"a{number % 3}"


def written(path: Path, lines: Sequence[Row]) -> Path:
    made = pa.Table.from_pylist(list(lines))
    if path.suffix == ".parquet":
        pq.write_table(made, path)
    elif path.suffix == ".csv":
        pa.csv.write_csv(made, path)
    else:
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


ODD: dict[str, tuple[list[Row], tuple[str, ...]]] = {
    "no sessions": (rows(timestamp=moment), ("split by time", "no sessions of more than one interaction")),
    "no artists": (rows(timestamp=moment, session_id=lambda user, _: f"s{user}"), ("no artists",)),
    "no timestamps": (rows(artist_id=artist), ("split without times", "no usable times")),
    "one interaction per user": (
        rows(300, 40, 1, timestamp=lambda user, _: FIRST_SECOND + user * DAY),
        ("have no training data", "no sessions"),
    ),
    "duplicates": (rows(timestamp=moment) * 3, ("1,440 duplicates",)),
    "untimed duplicates": (rows() * 3, ("split without times",)),
    "fifty tracks": (rows(tracks=50, timestamp=moment), ("every track is a candidate",)),
    "five users": (rows(5, 30, 12), ("5 users",)),
    "nobody wants a candidate": (
        [
            {"user_id": f"u{number}", "track_id": f"t{number}", "timestamp": FIRST_SECOND + number * 3600}
            for number in range(400)
        ],
        ("have no training data",),
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_data_is_trained_and_judged_with_what_it_has(name: str, tmp_path: Path) -> None:
    lines, said = ODD[name]
    path = written(tmp_path / "events.parquet", lines)
    trial = read_trial(DataFiles({"events": [path]}), tmp_path / "scratch", SETTINGS)
    told = "\n".join(described(trial, SETTINGS))
    assert [words for words in said if words not in told] == []
    measured = judge_trial(trial, SETTINGS, (5,), (1,))
    assert np.isfinite([list(metrics.values()) for metrics in measured.systems.values()]).all()
    assert "nan" not in "\n".join(table(measured, RECOMMENDER)).partition("against")[0]
    json.dumps(measured.as_json(), allow_nan=False)


NUMBERS = {"train": range(8), "valid": range(8, 10), "test": range(10, 12)}


def _parts(tmp_path: Path, endings: Sequence[str] = (".csv", ".csv", ".csv")) -> dict[str, Path]:
    numbered = rows(number=lambda _, number: number)
    return {
        part: written(
            tmp_path / f"{part}{ending}",
            [
                {key: value for key, value in row.items() if key != "number"}
                for row in numbered
                if row["number"] in numbers
            ],
        )
        for (part, numbers), ending in zip(NUMBERS.items(), endings, strict=True)
    }


def _files(parts: dict[str, Path], mask: Mask = Mask.TRAIN) -> DataFiles:
    return DataFiles({part: [path] for part, path in parts.items()}, mask=mask)


def _pairs(dataset: Dataset, first: int, end: int) -> set[tuple[str | None, str | None]]:
    acts = dataset.interactions.between(first, end)
    names = dataset.users.ids.names(acts.user_rows), dataset.catalogue.tracks.names(acts.track_rows)
    return set(zip(*names, strict=True))


@pytest.mark.parametrize(
    ("endings", "mask"),
    [((".parquet", ".csv", ".jsonl"), Mask.TRAIN), ((".csv", ".jsonl", ".parquet"), Mask.TRAIN_VALID)],
)
def test_the_mask_says_what_is_known_when_judged(
    tmp_path: Path, endings: tuple[str, str, str], mask: Mask
) -> None:
    parts = _parts(tmp_path, endings)
    trial = read_trial(_files(parts, mask), tmp_path / "scratch", SETTINGS)
    split = trial.judged.split
    found = {
        "train": _pairs(trial.tuning, 0, split.validation_start),
        "valid": _pairs(trial.tuning, split.validation_start, split.test_start),
        "test": _pairs(trial.tuning, split.test_start, split.end),
    }
    given = rows(number=lambda _, number: number)
    for part, numbers in NUMBERS.items():
        assert found[part] == {(row["user_id"], row["track_id"]) for row in given if row["number"] in numbers}
    known = _pairs(trial.judged, 0, split.test_start)
    assert known == (found["train"] if mask is Mask.TRAIN else found["train"] | found["valid"])
    assert _pairs(trial.judged, split.test_start, split.end) == found["test"]


def test_a_given_split_is_judged_on_the_users_of_its_test_file(tmp_path: Path) -> None:
    parts = _parts(tmp_path)
    strangers = [{"user_id": "stranger", "track_id": "t1"}, {"user_id": "u1", "track_id": "never heard"}]
    overlap = pa.csv.read_csv(parts["train"]).to_pylist()[:5]
    parts["test"] = written(tmp_path / "more.csv", [*strangers, *overlap])
    trial = read_trial(_files(parts, Mask.TRAIN_VALID), tmp_path / "scratch", SETTINGS)
    told = described(trial, SETTINGS)
    assert any(line.startswith("1 of 3 users with test interactions have no training data") for line in told)
    assert any(line.startswith("1 of ") and "are in no training interaction" in line for line in told)
    assert any(line.endswith("are known from training: masked, not judged") for line in told)
    measured = judge_trial(trial, SETTINGS, (5, 10), (1, 2))
    assert measured.systems[RECOMMENDER]["ndcg@10"].shape == (2,)
    assert [len(measured.runs[name]) for name in ("popularity", RECOMMENDER)] == [1, 2]
    assert measured.best_rival not in ("ranking", RECOMMENDER)


def _overlap(tmp_path: Path) -> DataFiles:
    train = written(tmp_path / "train.csv", rows())
    return DataFiles({"train": [train], "test": [written(tmp_path / "test.csv", rows()[:9])]})


def _refused(tmp_path: Path) -> DataFiles:
    lines = [{"user_id": "u", "track_id": "t", "played_ms": n - 3} for n in range(9)]
    return DataFiles({"events": [written(tmp_path / "events.csv", lines)]})


WRONG: dict[str, tuple[Callable[[Path], DataFiles], str]] = {
    "no part": (lambda _: DataFiles({}), "Name either --events, or --train and --test .*; got none of them"),
    "train alone": (lambda _: DataFiles({"train": [Path("a.csv")]}), "got --train"),
    "both ways": (
        lambda _: DataFiles({"events": [Path("a.csv")], "test": [Path("b.csv")]}),
        "got --events, --test",
    ),
    "mask without valid": (
        lambda _: DataFiles({"train": [Path("a.csv")], "test": [Path("b.csv")]}, mask=Mask.TRAIN_VALID),
        r"--mask train\+valid needs --valid FILE",
    ),
    "missing file": (lambda path: DataFiles({"events": [path / "none.csv"]}), r"none\.csv"),
    "wrong column": (
        lambda path: DataFiles({"events": [written(path / "e.csv", [{"user": "u", "track_id": "t"}])]}),
        "user_id",
    ),
    "nothing new in test": (_overlap, "The 9 rows of --test hold no pair of user and track"),
    "rows refused": (
        _refused,
        r"3 of 9 rows were refused \(33\.33%, quality.max_quarantined_share allows 5\.00%\)",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_read_is_said_in_one_line(name: str, tmp_path: Path) -> None:
    files, words = WRONG[name]
    with pytest.raises(InputError, match=words) as found:
        read_trial(files(tmp_path), tmp_path / "scratch", SETTINGS)
    assert "\n" not in str(found.value)


def test_an_empty_test_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("user_id,track_id\n", "utf-8")
    files = DataFiles({"train": [written(tmp_path / "train.csv", rows())], "test": [tmp_path / "test.csv"]})
    with pytest.raises(InputError, match=r"no row to import in .*test\.csv"):
        read_trial(files, tmp_path / "scratch", SETTINGS)


def test_a_dataset_alone_is_a_trial_that_knows_all_before_its_test() -> None:
    made = Trial.of("dataset")  # type: ignore[arg-type]
    assert made.tuning == made.judged == "dataset"
