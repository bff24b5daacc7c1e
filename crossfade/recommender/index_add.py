"""New releases enter a bundle's catalogue and index without training; the bundle that this makes is a new one."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.features.more_tracks import with_more_tracks
from crossfade.features.statistics import Statistics
from crossfade.recommender import bundle
from crossfade.recommender.manifest import DIGEST, FILES, SCHEMA, verify
from crossfade.recommender.recommend import Recommender
from crossfade.schema import columns as c

MADE_BY: Final = "index add"
KEPT: Final = (bundle.RANKER, bundle.POLICIES)


@dataclass(frozen=True)
class Added:
    """What became of new tracks.

    Args:
        bundle: Directory of the new bundle.
        paths: Name of each path that decides a new track's vector -> how many.
        num_later: New tracks that come out after the last day that the bundle knows: they are only shown to requests whose
            `time` is later.
    """

    bundle: Path
    paths: dict[str, int]
    num_later: int


def add_tracks(
    directory: Path, tracks: pa.Table, bundles: Path, *, audio_folder: Path | None = None
) -> Added:
    """Add tracks to a bundle: the catalogue grows, the cold paths tell their vectors, the index is built again.

    Ranker, policies, settings and everything learnt of the tracks that were there stay as they are.

    Args:
        directory: The bundle; it is verified and left as it is.
        tracks: [n] the canonical track columns.
        bundles: Where the new bundle goes; its manifest names the old one as its parent.
        audio_folder: Of the new tracks' audio files, for paths that listen to them.

    Raises:
        InputError: A track is known already, twice there, or nothing is known that could tell it.
        IntegrityError: The bundle is damaged.
    """
    manifest, old = verify(directory), Recommender.load(directory)
    dataset = with_more_tracks(old.dataset, tracks)
    sources = old.sources.extended(dataset, old.settings, audio_folder)
    origins = sources.two_tower.cold_.origins

    def fill(target: Path) -> None:
        dataset.save(target)
        Statistics.of(dataset, old.as_of).save(target)
        sources.save(target / bundle.SOURCES)
        for name in KEPT:
            shutil.copytree(directory / name, target / name)
        shutil.copyfile(directory / bundle.SETTINGS, target / bundle.SETTINGS)

    about = {name: value for name, value in manifest.items() if name not in (DIGEST, FILES, SCHEMA)}
    index = sources.two_tower.index_
    measured = {
        "index_recall": index.recall_,
        "index_is_exact": index.is_exact,
        "track_vectors": origins.counts(),
    }
    about |= {"parents": [manifest[DIGEST]], "made_by": MADE_BY, "added_tracks": len(tracks)}
    made = bundle.write_bundle(bundles, fill, {**about, "metrics": {**manifest["metrics"], **measured}})
    new = dataset.catalogue.tracks.rows(tracks.column(c.TRACK_ID))
    counts = np.bincount(origins.paths[new], minlength=len(c.VECTOR_PATHS))
    told = {name: int(count) for name, count in zip(c.VECTOR_PATHS, counts, strict=True) if count}
    later = dataset.catalogue.release_days[new] > old.as_of // SECONDS_PER_DAY
    return Added(made, told, int(later.sum()))
