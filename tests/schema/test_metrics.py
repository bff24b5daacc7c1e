"""Metrics are declared once, named with their unit, and shown as Prometheus reads them."""

import urllib.request
from pathlib import Path

import pytest

from crossfade.schema.errors import InputError
from crossfade.schema.exposition import Exposition, served
from crossfade.schema.metrics import METRICS, Kind, Metric, Unrecorded

PLAYS = Metric("crossfade_plays_total", Kind.COUNTER, "Plays.", ("layer",))
AGE = Metric("crossfade_age_seconds", Kind.GAUGE, "Age.")
TOOK = Metric("crossfade_took_seconds", Kind.HISTOGRAM, "Time.", (), (1.0, 2.0))
UNITS = ("_total", "_seconds", "_messages", "_requests")


def test_names_are_unique_and_carry_units() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    assert all(name.startswith("crossfade_") and name.endswith(UNITS) for name in names)
    assert all((metric.kind is Kind.COUNTER) == metric.name.endswith("_total") for metric in METRICS)
    assert all(bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM) for metric in METRICS)


def test_every_metric_is_documented() -> None:
    docs = Path(__file__).parents[2] / "docs"
    page = "".join((docs / name).read_text("utf-8") for name in ("ingest.md", "serving.md"))
    assert [metric.name for metric in METRICS if f"`{metric.name}`" not in page] == []


def test_what_is_recorded_is_shown() -> None:
    exposition = Exposition([PLAYS, AGE, TOOK])
    for value in (2, 3):
        exposition.record(PLAYS, value, layer="bronze")
        exposition.record(AGE, value)
        exposition.record(TOOK, value)
    Unrecorded().record(AGE, 1)
    with served(exposition, "127.0.0.1", 0) as port:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
            lines = page.read().decode().splitlines()
        assert 'crossfade_plays_total{layer="bronze"} 5.0' in lines
        assert "crossfade_age_seconds 3.0" in lines
        assert 'crossfade_took_seconds_bucket{le="2.0"} 1.0' in lines
        with (
            pytest.raises(InputError, match=rf"Metrics cannot be shown at 127\.0\.0\.1:{port}"),
            served(exposition, "127.0.0.1", port),
        ):
            pass
