import builtins
import tempfile
from pathlib import Path
from typing import Any

import pytest

from crossfade.quality.expectations import judge
from crossfade.quality.expected import Measure, between, not_null, typed, unique
from crossfade.schema.errors import MissingExtraError


def test_limits_and_nothing_to_look_at() -> None:
    suite = [*between("a", 0, 1, "Mend."), not_null("a", "Mend."), unique("a", "Mend."), typed("Mend.")]
    figures = {
        "smallest a": 0,
        "largest a": 1.01,
        "null share a": None,
        "repeated a": 0,
        "types": "a is string instead of int64",
    }
    results = judge("silver/events", suite, figures)
    assert [result.passed for result in results] == [True, False, True, True, False]
    assert [result.observed for result in results] == list(figures.values())
    assert [result.limit for result in results] == [
        "at least 0",
        "at most 1",
        "at most 0 of the rows",
        "at most 0 rows",
        "as in the schema",
    ]


def test_a_missing_figure_raises_inside_and_is_told() -> None:
    held, missing = judge("silver/events", between("a", 0, 1, "Mend."), {"smallest a": 0})
    assert (held.passed, held.raised) == (True, None)
    assert (missing.passed, missing.observed) == (False, None)
    assert missing.raised is not None
    assert "largest a" in missing.raised


def test_nothing_is_written_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    judge("silver/events", [not_null("a", "Mend.")], {"null share a": 0.0})
    assert list(tmp_path.iterdir()) == []


def test_without_great_expectations(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name == "great_expectations":
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"great_expectations is needed .* 'crossfade\[quality\]'"):
        judge("silver/events", [], {})


def test_figures_have_distinct_names() -> None:
    assert len({str(measure) for measure in Measure}) == len(Measure)
