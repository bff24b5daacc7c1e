"""The rules as one object of the Prometheus operator; equal rules give equal bytes."""

from pathlib import Path
from typing import Any

import yaml

HEADER = "# Made by `python -m monitoring.rules` from monitoring/rules; change them there.\n"


def prometheus_rule(directory: Path = Path(__file__).parent) -> str:
    """Return the groups of all rule files, in the order of their names, as a PrometheusRule in YAML.

    Args:
        directory: Has `*.yaml` files as Prometheus reads them; the default is the committed one.
    """
    files = [yaml.safe_load(path.read_text("utf-8")) for path in sorted(directory.glob("*.yaml"))]
    told: dict[str, Any] = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "crossfade", "namespace": "crossfade"},
        "spec": {"groups": [group for file in files for group in file["groups"]]},
    }
    return HEADER + yaml.safe_dump(told, sort_keys=False, width=120)
