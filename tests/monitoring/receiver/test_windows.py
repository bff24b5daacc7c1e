"""A run's reason says for whom and since when its measure moved, where the last look for drift tells."""

import json
from pathlib import Path

from monitoring.receiver.webhook import read_webhook
from monitoring.receiver.windows import with_windows
from tests.monitoring.receiver.alerts import alert, webhook


def triggers(figures: Path) -> list[str]:
    alerts = read_webhook(webhook(alert("f0"), alert("f1", labels={"alertname": "Other"})), 2)
    return [each.trigger for each in with_windows(alerts, figures)]


def test_the_window_is_that_of_the_alert_s_measure(tmp_path: Path) -> None:
    moved = [{"measure": "genres", "group": f"country {name}", "since": "2026-01-04"} for name in "ABCD"]
    moved.append({"measure": "skips", "group": "everybody", "since": "2026-01-02"})
    verdict = {"moved": moved, "days": ["2026-01-04", "2026-01-05"]}
    figures = tmp_path / "drift.json"
    figures.write_text(json.dumps({"reference": ["2025-12-01", "2025-12-28"], "verdict": verdict}), "utf-8")
    genres, other = triggers(figures)
    groups = ", ".join(f"of country {name} since 2026-01-04" for name in "ABC")
    window = f"genres {groups} until 2026-01-05, held against 2025-12-01 to 2025-12-28"
    assert genres.endswith(f"fingerprint f0; {window}")
    assert other.endswith("fingerprint f1")


def test_what_drift_does_not_tell_is_left_out(tmp_path: Path) -> None:
    figures = tmp_path / "drift.json"
    plain = triggers(figures)  # nobody has looked yet
    assert plain[0].endswith("fingerprint f0")
    for content in ("{", "[]", json.dumps({"reference": ["a", "b"], "verdict": None})):
        figures.write_text(content, "utf-8")
        assert triggers(figures) == plain


def test_a_window_cannot_be_sent(tmp_path: Path) -> None:
    (found,) = read_webhook(webhook(alert("f0", window="mine", _window="mine")), 1)
    assert found.trigger.endswith("fingerprint f0")
