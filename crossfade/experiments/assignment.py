"""Which variant a user gets: a keyed hash into 10,000 buckets, and who owns which buckets.

Clients in other languages agree: the bucket is HMAC-SHA256 of the user id under the salt, both as UTF-8; its first 8 bytes,
read as an unsigned big-endian number, modulo 10,000. For example:

    salt "radio-flow", user "u1"    -> 7863
    salt "radio-flow", user "u2"    -> 2878
    salt "radio-flow", user "Åsa"   -> 294
    salt "home-2026", user "u1"     -> 8522
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.schema.errors import InputError

NUM_BUCKETS: Final = 10_000
CONTROL: Final = "control"


def bucket(salt: str, user: str) -> int:
    """Return a user's bucket, 0 to 9,999.

    Args:
        salt: Of the experiment; another salt draws independently.
        user: The user's own id, as clients know it.
    """
    digest = hmac.digest(salt.encode(), user.encode("utf-8", "surrogatepass"), "sha256")
    return int.from_bytes(digest[:8], "big") % NUM_BUCKETS


@dataclass(frozen=True)
class Allocation:
    """Who gets which variant of an experiment.

    Each of t treatments has every t-th bucket to grow into, from the lowest; what no treatment owns is control's. So a share
    that grows moves users only from control into that treatment, whatever the other shares do.

    Args:
        salt: Not empty.
        shares: Treatment -> share of all users, a multiple of 1/10,000 from 0 to 1/t. The order counts, so that a
            treatment must keep its place as long as the experiment runs.

    Raises:
        InputError: The salt is empty, a treatment is called control, or a share is none that it can have.
    """

    salt: str
    shares: Mapping[str, float]

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if not self.salt:
            raise InputError("An experiment needs a salt, got an empty one; name it after the experiment.")
        if CONTROL in self.shares:
            raise InputError(f"A treatment cannot be called {CONTROL!r}; that is who gets no treatment.")
        for (name, share), most in zip(self.shares.items(), self._widths, strict=True):
            owned = share * NUM_BUCKETS
            if not 0 <= owned <= most or abs(owned - round(owned)) > 1e-6:
                raise InputError(
                    f"Treatment {name!r}: share={share!r} must be a multiple of 0.0001 from 0 to "
                    f"{most / NUM_BUCKETS:.4f}, which is what each of {len(self.shares)} treatments can grow to."
                )

    def variant(self, user: str) -> str:
        """Return the name of a user's treatment, or "control"."""
        return self.variants[int(self._owners[bucket(self.salt, user)])]

    def shown(self, users: Sequence[str]) -> npt.NDArray[np.int32]:
        """Return [n] int32 places in `variants` of users [n]."""
        buckets = np.fromiter((bucket(self.salt, user) for user in users), np.int64, len(users))
        return self._owners[buckets]

    @property
    def variants(self) -> tuple[str, ...]:
        """Control, then the treatments."""
        return (CONTROL, *self.shares)

    @cached_property
    def _owners(self) -> npt.NDArray[np.int32]:
        """[10,000] int32 place in `variants` of each bucket's owner."""
        owners = np.zeros(NUM_BUCKETS, np.int32)
        for place, share in enumerate(self.shares.values()):
            mine = np.arange(place, NUM_BUCKETS, len(self.shares))
            owners[mine[: round(share * NUM_BUCKETS)]] = place + 1
        return owners

    @property
    def _widths(self) -> list[int]:
        """Return how many buckets each treatment can grow into."""
        return [len(range(place, NUM_BUCKETS, len(self.shares))) for place in range(len(self.shares))]
