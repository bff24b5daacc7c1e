"""What Alertmanager sends is understood; what is none of it is named."""

import pytest

from crossfade.schema.errors import InputError
from monitoring.receiver.webhook import read_webhook
from tests.monitoring.receiver.alerts import alert, webhook


def test_an_alert_says_why_a_run_is_started() -> None:
    (found,) = read_webhook(webhook(alert()), 10)
    assert found.wants_retraining
    assert (
        found.trigger == "CrossfadeDrift (measure genres), firing since 2026-01-05T10:00:00Z, fingerprint f0"
    )
    (other,) = read_webhook(webhook(alert(labels={"severity": "page"})), 10)
    assert not other.wants_retraining
    assert other.trigger.startswith("an alert without a name, firing")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "Not a webhook of Alertmanager, version 4: the body: Invalid JSON"),
        (webhook(version="3"), "version 4: version: Input should be '4'"),
        (webhook({"status": "firing"}), r"alerts\.0\.labels: Field required"),
        (webhook(alert(status="maybe")), r"alerts\.0\.status: Input should be 'firing' or 'resolved'"),
        (webhook(alert("")), r"alerts\.0\.fingerprint: String should have at least 1 character"),
        (webhook(alert(labels={"a": "x" * 5000})), r"alerts\.0\.labels\.a: String should have at most 4096"),
        (webhook(*[alert()] * 3), r"may hold 2 alerts \(receiver.max_alerts\), this one has 3"),
    ],
)
def test_what_is_no_webhook_is_named(body: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_webhook(body, 2)
