"""What Alertmanager sends (webhook version 4), checked before anything is made of it."""

from datetime import datetime
from typing import Annotated, Literal

import pydantic
from pydantic import Field, PrivateAttr

from crossfade.schema.errors import InputError

RETRAIN: str = "retrain"
TEXT = Annotated[str, Field(max_length=4096)]


class Alert(pydantic.BaseModel):
    """One alert; fields that nobody here reads are let through.

    Args:
        status: Whether it fires or has ended.
        labels: `alertname`, `retrain` and what the rule tells by.
        annotations: Texts for people.
        starts_at: When it began to fire.
        fingerprint: Of its labels; an alert that flaps keeps it.
    """

    status: Literal["firing", "resolved"]
    labels: dict[str, TEXT]
    annotations: dict[str, TEXT] = Field(default_factory=dict)
    starts_at: datetime = Field(alias="startsAt")
    fingerprint: Annotated[str, Field(min_length=1, max_length=64)]
    _window: str = PrivateAttr("")

    def moved_in(self, window: str) -> "Alert":
        """Return the alert with a text that says for whom and since when its measure moved (`windows.py`)."""
        told = self.model_copy()
        told._window = window
        return told

    @property
    def name(self) -> str:
        """Its rule."""
        return self.labels.get("alertname", "an alert without a name")

    @property
    def wants_retraining(self) -> bool:
        """Whether its rule says that a new model may help."""
        return self.labels.get(RETRAIN) == "true"

    @property
    def trigger(self) -> str:
        """Why a run is started, in a sentence that goes along with it."""
        about = ", ".join(f"{key} {self.labels[key]}" for key in ("measure", "surface") if key in self.labels)
        told = f" ({about})" if about else ""
        fired = f"firing since {self.starts_at:%Y-%m-%dT%H:%M:%SZ}, fingerprint {self.fingerprint}"
        return f"{self.name}{told}, {fired}{self._window and f'; {self._window}'}"


class Webhook(pydantic.BaseModel):
    """One message: a group of alerts."""

    version: Literal["4"]
    alerts: list[Alert]


def read_webhook(body: bytes, max_alerts: int) -> list[Alert]:
    """Return the alerts of a message.

    Raises:
        InputError: It is not a webhook of version 4, or has more alerts than allowed.
    """
    try:
        alerts = Webhook.model_validate_json(body).alerts
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        raise InputError(f"Not a webhook of Alertmanager, version 4: {place}: {first['msg']}.") from error
    if len(alerts) > max_alerts:
        raise InputError(
            f"A webhook may hold {max_alerts} alerts (receiver.max_alerts), this one has {len(alerts)}."
        )
    return alerts
