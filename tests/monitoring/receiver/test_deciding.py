"""Every reason not to start a training, and the one to do so."""

from dataclasses import replace

import pytest

from crossfade.schema.settings import default_settings
from monitoring.receiver.deciding import DAY_SECONDS, HOUR_SECONDS, Decision, History, decide
from monitoring.receiver.webhook import Alert, read_webhook
from tests.monitoring.receiver.alerts import alert, webhook

SETTINGS = default_settings().receiver
NOW = 1e9
NOTHING = History(is_busy=False, last_wanted=None, last_of_alert=None, of_day=0)
LONG_AGO = NOW - 2 * DAY_SECONDS


def parsed(**changes: object) -> Alert:
    return read_webhook(webhook(alert(**changes)), 1)[0]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (NOTHING, Decision.START),
        (replace(NOTHING, last_wanted=LONG_AGO, last_of_alert=LONG_AGO), Decision.START),
        (replace(NOTHING, last_wanted=NOW - 24 * HOUR_SECONDS), Decision.START),  # just over
        (replace(NOTHING, last_wanted=NOW - 23 * HOUR_SECONDS), Decision.COOLDOWN),
        (replace(NOTHING, last_wanted=NOW - 1, last_of_alert=NOW - 1), Decision.DUPLICATE),
        (replace(NOTHING, is_busy=True), Decision.BUSY),
        (replace(NOTHING, of_day=SETTINGS.runs_per_day), Decision.BUDGET),
        (replace(NOTHING, of_day=SETTINGS.runs_per_day - 1), Decision.START),
    ],
)
def test_an_alert_is_decided_by_what_was_before(before: History, expected: Decision) -> None:
    assert decide(parsed(), before, NOW, SETTINGS) is expected


def test_what_has_ended_or_does_not_ask_starts_nothing() -> None:
    assert decide(parsed(status="resolved"), NOTHING, NOW, SETTINGS) is Decision.RESOLVED
    assert decide(parsed(labels={"alertname": "Other"}), NOTHING, NOW, SETTINGS) is Decision.NOT_ASKED


def test_a_dry_run_says_what_it_would_do() -> None:
    dry = SETTINGS.model_copy(update={"dry_run": True})
    assert decide(parsed(), NOTHING, NOW, dry) is Decision.DRY_RUN
    assert decide(parsed(), replace(NOTHING, is_busy=True), NOW, dry) is Decision.BUSY
