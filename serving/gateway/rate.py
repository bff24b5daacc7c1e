"""How often one client may ask: a token bucket for each address."""

import time
from collections import OrderedDict
from typing import Final

from crossfade.schema.serving_settings import ServingSettings

MOST_CLIENTS: Final = 10_000  # buckets kept; whoever was away longest starts with a full one


class Rates:
    """Token buckets: `burst_requests` at once, `requests_per_second` on average.

    Args:
        settings: Gives both numbers.
    """

    def __init__(self, settings: ServingSettings) -> None:
        self._per_second, self._burst = settings.requests_per_second, settings.burst_requests
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, client: str) -> bool:
        """Take a token of the client's, and return whether there was one; the clock is one that never jumps."""
        now = time.monotonic()
        tokens, since = self._buckets.pop(client, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - since) * self._per_second)
        allowed = tokens >= 1
        self._buckets[client] = (tokens - allowed, now)
        if len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return allowed
