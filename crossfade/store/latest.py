"""The newest stored features as what a recommender reads: the same columns that it was trained on, of a later moment."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossfade.features.dataset import Dataset
from crossfade.features.definitions import ARTIST, COUNTRY, COUNTRY_TRACK, TRACK, Feature, Kind, stored_of
from crossfade.features.statistics import Statistics
from crossfade.store.features import FeatureReader

if TYPE_CHECKING:  # it loads TensorFlow
    from crossfade.recommender.recommend import Recommender


def with_latest(recommender: "Recommender", reader: FeatureReader) -> "Recommender":
    """Return the recommender with the counts of the online store instead of its bundle's; all else is the same."""
    return replace(recommender, statistics=latest_statistics(recommender.dataset, reader))


def latest_statistics(dataset: Dataset, reader: FeatureReader) -> Statistics:
    """Read the stored features of everything that a bundle knows.

    Args:
        dataset: The bundle's: its tracks, artists and countries are read. What the store does not know
            counts as never played.
        reader: A generation.

    Returns:
        Statistics as of the generation's moment, in the dataset's rows.

    Raises:
        IntegrityError: What is stored has another layout.
    """
    catalogue, countries = dataset.catalogue, dataset.users.countries.ids.to_pylist()
    tracks = catalogue.tracks.ids.to_pylist()
    shares = reader.get_many(COUNTRY, countries)["country_shares"]
    pairs = [
        reader.get_many(COUNTRY_TRACK, [country] * len(tracks), tracks)["country_listens"]
        for country, share in zip(countries, shares, strict=True)
        if not np.isnan(share)
    ]
    known = [~np.isnan(listens) for listens in pairs]
    rows = np.flatnonzero(~np.isnan(shares))
    keys = [row * len(tracks) + np.flatnonzero(kept) for row, kept in zip(rows, known, strict=True)]
    return Statistics(
        as_of=np.array([reader.generation.as_of], np.int64),
        has_time=np.array([dataset.split.has_time]),
        country_shares=np.array(shares, np.float32),
        country_keys=np.concatenate([np.zeros(0, np.int64), *keys]),
        country_listens=np.concatenate(
            [np.zeros(0, np.float32), *(listens[kept] for listens, kept in zip(pairs, known, strict=True))]
        ),
        **_columns(reader, stored_of(TRACK), tracks),
        **_columns(reader, stored_of(ARTIST), catalogue.artists.ids.to_pylist()),
    )


def _columns(
    reader: FeatureReader, features: tuple[Feature, ...], ids: list[str]
) -> dict[str, npt.NDArray[Any]]:
    packed = reader.get_many(features[0].entity, ids)
    is_unknown = np.isnan(packed[features[0].name])
    columns = {feature.name: packed[feature.name].copy() for feature in features}
    for feature in features:
        if feature.kind == Kind.FLOAT32:
            columns[feature.name][is_unknown] = 0
    return columns
