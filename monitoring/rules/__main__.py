"""Print the rules for the Prometheus operator; docs/kubernetes.md says where to."""

import sys

from monitoring.rules.prometheus_rule import prometheus_rule

if __name__ == "__main__":
    sys.stdout.write(prometheus_rule())
