"""Generations whose slates know where they come from: every track id and reason names its generation."""

from collections.abc import Sequence

import pyarrow as pa

from crossfade.store.contract import SLATES, Generation
from crossfade.store.embedded import EmbeddedStore

SURFACE = "discover_weekly"
SOURCES = ("two_tower", "popular")
KINDS = ("none", "listen")


def generation(name: str, num_users: int = 3, length: int = 3) -> Generation:
    return Generation(
        SURFACE, name, "b" * 64, 1_700_000_000, {"gold/interactions": 4}, length, num_users, SOURCES, KINDS
    )


def slates(name: str, users: Sequence[str], length: int = 3) -> pa.Table:
    """Slates of planted content: full for the first user, one track less for the next, and so on."""
    rows = [
        {
            "user_id": user,
            "track_ids": [f"{name}/{user}/{place}" for place in range(count)],
            "scores": [1.0 - 0.25 * place for place in range(count)],
            "propensities": [1.0] * count,
            "sources": [SOURCES[place % 2] for place in range(count)],
            "reason_kinds": [KINDS[place % 2] for place in range(count)],
            "reasons": [
                "" if place % 2 == 0 else f"Weil du «Süß {place}» hörst ({name})" for place in range(count)
            ],
        }
        for number, user in enumerate(users)
        for count in [length - number % (length + 1)]
    ]
    return pa.Table.from_pylist(rows, schema=SLATES)


def publish(store: EmbeddedStore, name: str, users: Sequence[str] = ("a", "b", "c"), length: int = 3) -> None:
    with store.begin(generation(name, len(users), length)) as writer:
        writer.put_many(slates(name, users, length))
    store.activate(SURFACE, name)
