"""Guardrails that act within minutes: numbers that Prometheus knows of the treatments' services."""

import json
import math
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

from crossfade.experiments.spec import Alarm
from crossfade.schema.errors import InputError, PrometheusAwayError

PATIENCE_SECONDS: Final = 10


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus server.

    Args:
        url: For example http://prometheus:9090.
    """

    url: str

    def __post_init__(self) -> None:
        """Refuse what is no address."""
        if not self.url.startswith(("http://", "https://")):
            raise InputError(
                f"--prometheus {self.url!r} is no address; name one such as http://prometheus:9090."
            )

    def values(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Return labels and value of each sample that a query finds now.

        Raises:
            InputError: Prometheus does not understand the query.
            PrometheusAwayError: It does not answer.
        """
        asked = f"{self.url.rstrip('/')}/api/v1/query?{urlencode({'query': query})}"
        try:
            with urlopen(asked, timeout=PATIENCE_SECONDS) as answer:
                told = json.load(answer)["data"]
        except HTTPError as error:
            if (
                error.code >= HTTPStatus.INTERNAL_SERVER_ERROR
            ):  # it starts, or what stands before it has lost it
                raise self._away(error) from error
            raise InputError(f"Prometheus refuses {query!r}: {_reason(error)}.") from error
        except (OSError, HTTPException, ValueError, KeyError) as error:
            raise self._away(error) from error
        if told["resultType"] == "scalar":
            return [({}, float(told["result"][1]))]
        if told["resultType"] != "vector":
            raise InputError(
                f"{query!r} answers with a {told['resultType']}; an alarm needs one value a series."
            )
        return [(sample["metric"], float(sample["value"][1])) for sample in told["result"]]

    def _away(self, error: Exception) -> PrometheusAwayError:
        return PrometheusAwayError(
            f"Prometheus at {self.url} does not answer: {error}. No guardrail was looked at."
        )

    def raised(self, alarms: tuple[Alarm, ...]) -> tuple[str, ...]:
        """Return a sentence for each alarm that is raised; errors as in `values`."""
        return tuple(sentence for alarm in alarms if (sentence := self._raised(alarm)))

    def _raised(self, alarm: Alarm) -> str | None:
        beyond = [
            (value, labels)
            for labels, value in self.values(alarm.query)
            if not math.isnan(value) and value > alarm.at_most
        ]
        if not beyond:
            return None
        value, labels = max(beyond, key=lambda found: found[0])
        where = ", ".join(f"{name}={label}" for name, label in sorted(labels.items()))
        return f"Alarm {alarm.name}: {value:g}{f' ({where})' if where else ''}, at most {alarm.at_most:g} is well."


def _reason(error: HTTPError) -> Any:
    try:
        return json.load(error).get("error", error.reason)
    except ValueError:
        return error.reason
