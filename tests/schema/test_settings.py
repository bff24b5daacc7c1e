"""Settings: the default file is the manual, unknown keys are refused, text and object round-trip."""

from pathlib import Path

import pytest
import yaml

from crossfade.schema.errors import SettingsError
from crossfade.schema.settings import default_settings, default_text, load_settings, parse_settings


def test_settings_round_trip() -> None:
    settings = parse_settings("", ["two_tower.dim=8", "tracking.uri=http://localhost:1"])
    assert parse_settings(settings.dumps()) == settings
    assert settings.two_tower.dim == 8


def test_what_only_the_machine_is_told_shapes_no_model() -> None:
    ways = ["lake.engine=spark", "lake.spark_master=local[1]", "lake.reopen_share=1", "lake.rebuild_rows=0"]
    assert parse_settings("", ways).of_model() == default_settings().of_model()
    assert parse_settings("", ["lake.lateness_days=4"]).of_model() != default_settings().of_model()


def test_every_key_of_the_manual_says_what_it_means() -> None:
    keys = [line for line in default_text().splitlines() if ":" in line and not line.lstrip().startswith("#")]
    silent = [line for line in keys if "#" not in line and not line.endswith(":")]
    # Standard terms of gradient boosting and of statistics say what they mean.
    assert {line.split(":")[0].strip() for line in silent} <= {"num_leaves", "learning_rate", "confidence"}


def test_file_overrides_only_what_it_names(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump({"split": {"test_days": 7}}))
    settings = load_settings(file)
    assert settings.split.test_days == 7
    assert settings.lake == default_settings().lake


@pytest.mark.parametrize(
    ("text", "assignments", "message"),
    [
        ("spilt: {}", [], "unknown key spilt"),
        ("split: {test_day: 1}", [], r"unknown key split\.test_day; known here: random_share, test_days"),
        ("split: 3", [], "split is a section, got 3"),
        ("- a", [], "needs keys and values, got list"),
        ("a: [", [], "not YAML"),
        ("split: {test_days: week}", [], r"split\.test_days='week'"),
        ("", ["split.test_days=-1"], r"split\.test_days=-1"),
        ("", ["weekly.expire_hours=.inf"], r"weekly\.expire_hours=inf"),
        ("", ["weekly.store_url=http://shop"], r"weekly\.store_url='http://shop'"),
        ("", ["split.test_days"], "needs key=value"),
        ("", ["split.test_days=["], "the value is not YAML"),
        ("", ["seeed=1"], "--set seeed=1: unknown key seeed"),
    ],
)
def test_wrong_settings_name_the_key_and_value(text: str, assignments: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_settings(text, assignments)


def test_missing_settings_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gone\.yaml does not exist"):
        load_settings(tmp_path / "gone.yaml")


def test_a_settings_file_of_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_bytes("seed: 1 # größer".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"settings\.yaml is not UTF-8 text"):
        load_settings(path)
