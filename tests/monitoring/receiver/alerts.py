"""Webhooks as Alertmanager 0.25 sends them."""

import json
from typing import Any


def alert(fingerprint: str = "f0", **changes: Any) -> dict[str, Any]:
    told = {
        "status": "firing",
        "labels": {"alertname": "CrossfadeDrift", "measure": "genres", "retrain": "true"},
        "annotations": {"summary": "genres moved"},
        "startsAt": "2026-01-05T10:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": fingerprint,
    }
    return told | changes


def webhook(*alerts: dict[str, Any], **changes: Any) -> bytes:
    told = {
        "version": "4",
        "groupKey": '{}:{alertname="CrossfadeDrift"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "retraining",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "alerts": list(alerts),
    }
    return json.dumps(told | changes).encode()
