"""What gateway and recommender call each other by: gRPC around the JSON of V1, on the port of V2 gRPC.

KServe's own gRPC speaks V2 tensors; the gateway would wrap each JSON object into one and load all of KServe to do so.
docs/decisions/0021 has what each costs.
"""

from typing import Final

SERVICE: Final = "crossfade.Recommender"
PREDICT: Final = "Predict"
EXPLAIN: Final = "Explain"


def path_of(method: str) -> str:
    """Return the path of a method, as gRPC names it."""
    return f"/{SERVICE}/{method}"
