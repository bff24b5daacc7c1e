"""The last resort: what is popular in a country, drawn from a bundle once and kept in memory."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import SECONDS_PER_DAY, Floats
from crossfade.recommender.bundle import POLICIES, SOURCES
from crossfade.recommender.manifest import DIGEST, Manifest, read_manifest, understood
from crossfade.recommender.surfaces import Policies, load_policies
from crossfade.recommender.wording import Wording
from crossfade.retrieval.popular import Popular
from crossfade.schema import columns as c
from crossfade.schema.ids import Rows

KEPT: Final = 500  # tracks a country, so that exclusions leave enough
MOST_PER_ARTIST: Final = 3


@dataclass(frozen=True)
class PopularTrack:
    """One popular track; title and artist are the ids where names are unknown, genres are in lower case."""

    track_id: str
    title: str
    artist: str
    score: float
    genres: frozenset[str] = frozenset()

    def as_json(self) -> dict[str, object]:
        """Return the object that a slate holds for it."""
        return {
            c.TRACK_ID: self.track_id,
            c.TITLE: self.title,
            "artist": self.artist,
            "score": round(self.score, 6),
            c.SOURCE: c.POPULAR,
            c.PROPENSITY: 1.0,
            c.REASON: None,
        }


@dataclass(frozen=True)
class PopularSlates:
    """Popular tracks of every country of a bundle.

    Args:
        bundle: Digest.
        by_country: Country -> up to 500 tracks, best first; "" is everywhere.
        lengths: Surface -> tracks in a slate by its policy.
    """

    bundle: str
    by_country: Mapping[str, tuple[PopularTrack, ...]]
    lengths: Mapping[str, int]

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read a bundle's popular tracks; what is not released or available, or is explicit, stays out.

        Raises:
            NotFoundError: There is no bundle.
            IntegrityError: Its manifest or a file that is read is damaged, or another release made it.
        """
        manifest = read_manifest(directory)
        return understood(directory, lambda: cls._read(directory, manifest))

    @classmethod
    def _read(cls, directory: Path, manifest: Manifest) -> Self:
        dataset = Dataset.load(directory)
        popular = Popular.load(directory / SOURCES / c.POPULAR, dataset.catalogue)
        policies = load_policies(directory / POLICIES)
        return cls.of(
            popular, dataset, policies, as_of=int(manifest["window"]["end"]), bundle=manifest[DIGEST]
        )

    @classmethod
    def of(cls, popular: Popular, dataset: Dataset, policies: Policies, *, as_of: int, bundle: str) -> Self:
        """Draw the popular tracks of a fitted source as of a moment in UTC seconds."""
        countries = dataset.users.countries.names(np.arange(len(dataset.users.countries), dtype=np.int32))
        queries = dataset.queries(np.full(1 + len(countries), -1, np.int32), as_of)
        queries.country_rows[1:] = np.arange(len(countries))
        catalogue = dataset.catalogue
        rows, scores = popular.recommend(queries, min(KEPT, len(catalogue)))
        today = as_of // SECONDS_PER_DAY
        shown = catalogue.available & ~catalogue.explicit & (catalogue.release_days <= today)
        names = ["", *(str(country) for country in countries)]
        return cls(
            bundle,
            {
                name: _tracks(found[kept], values[kept], dataset)
                for name, found, values in zip(names, rows, scores, strict=True)
                for kept in [(found >= 0) & shown[np.maximum(found, 0)]]
            },
            {str(surface): policy.k for surface, policy in policies.items()},
        )

    def slate(
        self, country: str | None, k: int, without: Collection[str] = (), genres: Collection[str] = ()
    ) -> list[dict[str, object]]:
        """Return up to k tracks for a country (everywhere where it is unknown), three of an artist at most.

        Tracks of wanted genres, in any case, come before all others.
        """
        wanted = {genre.lower() for genre in genres}
        tracks = self.by_country.get(country or "", self.by_country[""])
        slate: list[dict[str, object]] = []
        artists: Counter[str] = Counter()
        for track in sorted(tracks, key=lambda each: not wanted & each.genres) if wanted else tracks:
            if len(slate) == k:
                break
            if track.track_id not in without and artists[track.artist] < MOST_PER_ARTIST:
                artists[track.artist] += 1
                slate.append(track.as_json())
        return slate


def _tracks(rows: Rows, scores: Floats, dataset: Dataset) -> tuple[PopularTrack, ...]:
    catalogue = dataset.catalogue
    wording = Wording(catalogue, dataset.users.countries)
    ids = catalogue.tracks.names(rows)
    titles = catalogue.table.column(c.TITLE).take(rows).to_pylist()
    artists = wording.artist_names(catalogue.artist_rows[rows]).to_pylist()
    genres = catalogue.table.column(c.GENRES).take(rows).to_pylist()
    return tuple(
        PopularTrack(
            str(track),
            title or str(track),
            artist or "",
            float(score),
            frozenset(map(str.lower, of_track or ())),
        )
        for track, title, artist, score, of_track in zip(ids, titles, artists, scores, genres, strict=True)
    )
