"""What published slates must be: looked at before a generation can become live."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.features.catalogue import Catalogue
from crossfade.recommender.policy import Policy
from crossfade.schema import columns as c
from crossfade.schema.ids import NO_ROW, Rows
from crossfade.store.contract import PROPENSITIES, SCORES

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SlateChecks:
    """Checks of slates against catalogue and policy.

    Args:
        catalogue: The bundle's.
        policy: The surface's.
        length: Tracks in a full slate.
    """

    catalogue: Catalogue
    policy: Policy
    length: int

    def fault(self, slates: pa.Table) -> str | None:
        """Return what is wrong with slates (columns as in `SLATES`) and whose; None if nothing is."""
        lists = slates.column(c.TRACK_IDS).combine_chunks()
        owners = pc.list_parent_indices(lists).to_numpy()
        tracks = self.catalogue.tracks.rows(pc.list_flatten(lists))
        known = np.maximum(tracks, 0)
        scores, propensities = (
            pc.list_flatten(slates.column(name)).to_numpy() for name in (SCORES, PROPENSITIES)
        )
        faults = (
            (f"holds more than {self.length} tracks", pc.list_value_length(lists).to_numpy() > self.length),
            ("holds a track that the bundle does not know", _owned(tracks == NO_ROW, owners, len(lists))),
            ("holds a track twice", _more_than(1, owners, tracks, len(lists))),
            (
                f"holds more than {self.policy.max_per_artist} tracks of an artist",
                _more_than(self.policy.max_per_artist, owners, self.catalogue.artist_rows[known], len(lists)),
            ),
            (
                f"holds more than {self.policy.max_per_album} tracks of an album",
                _more_than(self.policy.max_per_album, owners, self.catalogue.album_rows[known], len(lists)),
            ),
            ("has a score that is not finite", _owned(~np.isfinite(scores), owners, len(lists))),
            (
                "has a propensity outside 0..1",
                _owned(~((propensities > 0) & (propensities <= 1)), owners, len(lists)),
            ),
        )
        for words, is_faulty in faults:
            if is_faulty.any():
                user = slates.column(c.USER_ID)[int(np.argmax(is_faulty))].as_py()
                return f"the slate of user {user} {words}"
        return None


def _owned(is_faulty: Bools, owners: npt.NDArray[np.integer], num_slates: int) -> Bools:
    """Return [num_slates] bool: slates with a faulty track, from [m] bool."""
    return np.bincount(owners[is_faulty], minlength=num_slates) > 0


def _more_than(cap: int, owners: npt.NDArray[np.integer], rows: Rows, num_slates: int) -> Bools:
    """Return [num_slates] bool: slates with more than `cap` entries of one row; 0 is no cap, -1 is no row."""
    known = rows != NO_ROW
    if cap == 0 or not known.any():
        return np.zeros(num_slates, np.bool_)
    width = int(rows.max()) + 1
    pairs, counts = np.unique(owners[known].astype(np.int64) * width + rows[known], return_counts=True)
    return np.bincount(pairs[counts > cap] // width, minlength=num_slates) > 0
