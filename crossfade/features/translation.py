"""Rows of a dataset in a bundle's own numbering and back: one may know tracks and users that the other does not."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Codes, Queries
from crossfade.schema.ids import NO_ROW, IdMap, Rows


@dataclass(frozen=True)
class Translation:
    """Matches a dataset's rows with a bundle's by external ids; what the other does not know is -1.

    Only the ids that are asked for are looked up, so a shard of users costs no table of all.

    Args:
        dataset: Histories: a test period, or newer listening than the bundle was trained on.
        bundle: Whose rows the recommender understands.
    """

    dataset: Dataset
    bundle: Dataset

    def into_bundle(self, queries: Queries) -> Queries:
        """Return the same queries in the bundle's rows; tracks that it does not know leave the histories."""
        here, there = self.dataset, self.bundle
        tracks = _matched(here.catalogue.tracks, there.catalogue.tracks, queries.track_rows)
        traits = queries.traits
        return replace(
            queries,
            user_rows=_matched(here.users.ids, there.users.ids, queries.user_rows),
            country_rows=_matched(here.users.countries, there.users.countries, queries.country_rows),
            track_rows=tracks,
            traits=None if traits is None else _matched(here.traits, there.traits, traits).astype(np.int8),
        ).keep(tracks != NO_ROW)

    def histories(self) -> Dataset:
        """Return the bundle's dataset with the interactions of the other; users and tracks that it does not know are left out.

        Situations are left out, too: only training reads them.
        """
        here, there, acts = self.dataset, self.bundle, self.dataset.interactions
        users = _matched(here.users.ids, there.users.ids, acts.user_rows)
        tracks = _matched(here.catalogue.tracks, there.catalogue.tracks, acts.track_rows)
        # Both sort users by id, so that what was sorted stays so.
        moved = replace(acts, user_rows=users, track_rows=tracks, situations=None)
        return replace(there, interactions=moved.where((users != NO_ROW) & (tracks != NO_ROW)))

    def out_of_bundle(self, rows: Rows) -> Rows:
        """Return slates in the dataset's rows; -1 for tracks that the dataset does not know."""
        return _matched(self.bundle.catalogue.tracks, self.dataset.catalogue.tracks, rows)


def _matched(have: IdMap, want: IdMap, rows: Rows | Codes) -> Rows:
    """Translate rows [...] of one id map into rows of another, -1 where the other lacks the id."""
    if have.ids.equals(want.ids):
        return rows.astype(np.int32, copy=False)
    used = np.unique(rows[rows != NO_ROW])
    if not len(used):
        return rows.astype(np.int32, copy=False)
    targets = want.rows(have.ids.take(pa.array(used)))
    places = np.minimum(np.searchsorted(used, rows), len(used) - 1)
    return np.where(rows == NO_ROW, NO_ROW, targets[places]).astype(np.int32)
