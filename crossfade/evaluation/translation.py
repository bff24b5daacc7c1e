"""Rows of the evaluated dataset in a bundle's own numbering and back: their catalogues may differ."""

from dataclasses import dataclass, replace

import numpy as np

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Codes, Queries
from crossfade.schema.columns import TRACK_ID, USER_ID
from crossfade.schema.ids import NO_ROW, IdMap, Rows


@dataclass(frozen=True)
class Translation:
    """Maps from rows of the evaluated dataset to a bundle's rows, -1 where the bundle does not know the id.

    Args:
        tracks: [num_tracks] int32 the bundle's row of each track of the dataset.
        users: [num_users] int32.
        countries: [num_countries] int32.
        back: [num_tracks of the bundle] int32 the dataset's row of each track of the bundle.
        traits: [num_traits] int32 the bundle's code of each trait.
    """

    tracks: Rows
    users: Rows
    countries: Rows
    back: Rows
    traits: Rows

    @classmethod
    def of(cls, dataset: Dataset, bundle: Dataset) -> "Translation":
        """Match the two by external ids."""
        return cls(
            bundle.catalogue.tracks.rows(dataset.catalogue.table.column(TRACK_ID)),
            bundle.users.ids.rows(dataset.users.table.column(USER_ID)),
            _matched(dataset.users.countries, bundle.users.countries),
            dataset.catalogue.tracks.rows(bundle.catalogue.table.column(TRACK_ID)),
            _matched(dataset.traits, bundle.traits),
        )

    def into_bundle(self, queries: Queries) -> Queries:
        """Return the same queries in the bundle's rows; tracks that it does not know leave the histories."""
        known = queries.keep(_through(self.tracks, queries.track_rows) >= 0)
        return replace(
            known,
            user_rows=_through(self.users, queries.user_rows),
            country_rows=_through(self.countries, queries.country_rows),
            track_rows=_through(self.tracks, known.track_rows),
            traits=None if queries.traits is None else _through(self.traits, queries.traits).astype(np.int8),
        )

    def out_of_bundle(self, rows: Rows) -> Rows:
        """Return slates in the dataset's rows; -1 for tracks that the dataset does not know."""
        return _through(self.back, rows)


def _matched(here: IdMap, there: IdMap) -> Rows:
    return there.rows(here.ids)


def _through(targets: Rows, rows: Rows | Codes) -> Rows:
    """Look rows up, keeping -1."""
    if not len(targets):
        return np.full(rows.shape, NO_ROW, np.int32)
    return np.where(rows >= 0, targets[np.maximum(rows, 0)], NO_ROW).astype(np.int32)
