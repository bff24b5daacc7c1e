"""Metrics are declared once, named with their unit, and shown as Prometheus reads them."""

import urllib.request
from pathlib import Path

import pytest

from crossfade.schema.errors import InputError
from crossfade.schema.exposition import Exposition, Fresh, served
from crossfade.schema.metric import Kind, Metric
from crossfade.schema.metrics import METRICS, Unrecorded

PLAYS = Metric("crossfade_plays_total", Kind.COUNTER, "Plays.", ("layer",))
AGE = Metric("crossfade_age_seconds", Kind.GAUGE, "Age.")
TOOK = Metric("crossfade_took_seconds", Kind.HISTOGRAM, "Time.", (), (1.0, 2.0))
UNITS = (
    "_total", "_seconds", "_messages", "_requests", "_ratio", "_users", "_runs", "_days", "_parts", "_expectations",
)  # fmt: skip


def test_names_are_unique_and_carry_units() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    assert all(name.startswith("crossfade_") and name.endswith(UNITS) for name in names)
    assert all((metric.kind is Kind.COUNTER) == metric.name.endswith("_total") for metric in METRICS)
    assert all(bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM) for metric in METRICS)


def test_every_metric_is_documented() -> None:
    docs = Path(__file__).parents[2] / "docs"
    page = "".join((docs / name).read_text("utf-8") for name in ("ingest.md", "serving.md", "monitoring.md"))
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


def test_labels_whose_values_are_known_are_shown_from_the_start() -> None:
    known = Metric(
        "crossfade_known_total", Kind.COUNTER, "Known.", ("layer",), values=(("bronze", "silver"),)
    )
    lines = Exposition([known, PLAYS]).text().decode().splitlines()
    assert 'crossfade_known_total{layer="silver"} 0.0' in lines
    assert not any("crossfade_plays_total{" in line for line in lines)
    wrong = [metric.name for metric in METRICS if metric.values and len(metric.values) != len(metric.labels)]
    assert wrong == []


def test_fresh_metrics_are_made_at_each_scrape() -> None:
    scrapes = []

    def made() -> Exposition:
        exposition = Exposition([AGE])
        scrapes.append(None)
        exposition.record(AGE, len(scrapes))
        return exposition

    with served(Fresh(made), "127.0.0.1", 0) as port:
        for number in (1, 2):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
                assert f"crossfade_age_seconds {number}.0" in page.read().decode()
