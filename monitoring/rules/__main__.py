"""Print the rules for the Prometheus operator: `python -m monitoring.rules > manifests/components/prometheus-operator/prometheusrule.yaml`."""

import sys

from monitoring.rules.operator import prometheus_rule

if __name__ == "__main__":
    sys.stdout.write(prometheus_rule())
