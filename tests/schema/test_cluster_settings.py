"""Settings of a cluster: crontabs within their bounds, and the short forms of kubectl."""

import pytest

from crossfade.schema.errors import SettingsError
from crossfade.schema.settings import default_settings, parse_settings


@pytest.mark.parametrize("cron", ["", "0 2 * * *", "*/15 0-5,22 1 1-12/3 6", " 5  4 * *  0 "])
def test_crontabs_are_taken(cron: str) -> None:
    assert parse_settings("", [f"schedules.weekly='{cron}'"]).schedules.weekly == " ".join(cron.split())


@pytest.mark.parametrize(
    ("cron", "message"),
    [
        ("0 2 * *", r"a schedule has 5 fields \(minute, hour, .*\), this one has 4"),
        ("60 2 * * *", "'60' is no minute: needs 0 to 59"),
        ("0 24 * * *", "'24' is no hour: needs 0 to 23"),
        ("0 0 0 * *", "'0' is no day of month: needs 1 to 31"),
        ("0 0 * 13 *", "'13' is no month: needs 1 to 12"),
        ("0 0 * * 7", "'7' is no day of week: needs 0 to 6"),
        ("0 5-2 * * *", "'5-2' is no hour"),
        ("*/0 * * * *", r"'\*/0' is no minute"),
        ("@daily * * * *", "'@daily' is no minute"),
    ],
)
def test_what_is_no_crontab_is_told(cron: str, message: str) -> None:
    with pytest.raises(SettingsError, match=rf"schedules\.weekly='.*': {message}"):
        parse_settings("", [f"schedules.weekly='{cron}'"])


@pytest.mark.parametrize(
    "assignment",
    [
        "steps.volumes=[lake]",
        "steps.volumes=[lake:mnt]",
        "steps.node_selector=[pool]",
        "steps.tolerations=[pool=batch]",
        "steps.tolerations=[pool:Never]",
        "steps.secrets=[store=PASSWORD]",
        "steps.secrets=[store/password=1X]",
        "steps.service_account=My Account",
    ],
)
def test_what_kubernetes_would_refuse_is_told(assignment: str) -> None:
    with pytest.raises(SettingsError, match=assignment.partition("=")[0]):
        parse_settings("", [assignment])


def test_by_default_steps_run_where_kubeflow_puts_them() -> None:
    assert set(default_settings().steps.model_dump().values()) == {(), ""}
