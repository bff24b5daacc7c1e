"""The releases source: what came out lately by the artists that a listener plays, and by artists like them."""

from pathlib import Path
from typing import Final, Self

import numpy as np
import scipy.sparse

from crossfade.features.catalogue import UNKNOWN_DAY, Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import SECONDS_PER_DAY, Queries
from crossfade.retrieval.artist_tracks import ArtistTracks
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.sparse import Matrix, top_of_rows
from crossfade.schema import columns as c

# An older track is no release any more; the release radar's policy is stricter still.
RELEASE_DAYS: Final = 28


class Releases:
    """Recommends tracks of the last 28 days before each query's moment, by artists that it played or by artists like them.

    After `fit` or `load`: `artists_`, the fitted artist source, and the sparse `tracks_` [num_artists, num_tracks] float32,
    1 at each dated track of an artist, whether it is out yet or not.
    """

    name = c.RELEASES

    def fit(self, dataset: Dataset) -> Self:
        """Find how dear artists are to listeners, and what each has released."""
        self.artists_ = ArtistTracks().fit(dataset)
        self._read(dataset.catalogue)
        return self

    @classmethod
    def of(cls, artists: ArtistTracks, catalogue: Catalogue) -> Self:
        """Return the source over an artist source that is fitted already; nothing more is to be learnt or kept."""
        made = cls()
        made.artists_ = artists
        made._read(catalogue)
        return made

    def recommend(self, queries: Queries, k: int) -> Ranking:
        """Score a release by how dear its artist is; of equal ones the newer first; see `Retriever`."""
        scores = (self.artists_.artist_weights(queries) @ self.tracks_).tocsr()
        owners = np.repeat(np.arange(len(queries)), np.diff(scores.indptr))
        ages = queries.as_of[owners] // SECONDS_PER_DAY - self.days_[scores.indices]
        is_new = (ages >= 0) & (ages < RELEASE_DAYS)
        # A day counts for less than any difference between artists that could matter.
        scores.data *= is_new * (1 - 1e-4 * ages * is_new)
        return top_of_rows(scores, k)

    def save(self, directory: Path) -> None:
        """Write the artist source; releases stand in the catalogue."""
        self.artists_.save(directory)

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> Self:
        """Read what `save` wrote.

        Raises:
            IntegrityError: A file is missing, not whole, or of another catalogue.
        """
        return cls.of(ArtistTracks.load(directory, catalogue), catalogue)

    def _read(self, catalogue: Catalogue) -> None:
        artists, self.days_ = catalogue.artist_rows, catalogue.release_days.astype(np.int64)
        tracks = np.flatnonzero((artists >= 0) & (catalogue.release_days != UNKNOWN_DAY))
        entries = (np.ones(len(tracks), np.float32), (artists[tracks], tracks))
        shape = (len(catalogue.artists), len(catalogue))
        self.tracks_: Matrix = scipy.sparse.csr_matrix(entries, shape)
