"""All sources together: fitted, asked, and merged into one list of candidates."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import numpy as np
import numpy.typing as npt

from crossfade.features.candidates import Candidates
from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.features.vectors import TrackVectors
from crossfade.retrieval.contract import Extendable, Ranking, Retriever, retriever_class
from crossfade.retrieval.merging import beside, first_allowed, merged
from crossfade.retrieval.releases import Releases
from crossfade.schema import columns as c
from crossfade.schema.ids import NO_ROW, Rows
from crossfade.schema.settings import Settings, SourceSettings

if TYPE_CHECKING:
    from crossfade.retrieval.artist_tracks import ArtistTracks
    from crossfade.retrieval.two_tower import TwoTower

Excluded = Callable[[Rows], npt.NDArray[np.bool_]]

# A source is asked for a quarter more than is needed of it, then twice as much until enough is left.
FIRST_DEPTH: Final = 1.25
DEEPER: Final = 2


def unfitted(name: str, settings: Settings) -> Retriever:
    """Construct a source by its name; imports its library."""
    arguments = {
        c.TWO_TOWER: (settings.two_tower, settings.index, settings.seed, settings.input_models),
        c.ITEM_KNN: (settings.sources.neighbours,),
        c.TRANSITIONS: (settings.sources.neighbours,),
        c.SASREC: (settings.session_model, settings.index, settings.seed),
        c.GRU4REC: (settings.session_model, settings.index, settings.seed),
        c.ALS: (settings.als, settings.index, settings.seed),
        c.EASE: (settings.ease,),
        c.ITEM2VEC: (settings.item2vec, settings.index, settings.sources.neighbours, settings.seed),
    }
    return cast("Callable[..., Retriever]", retriever_class(name))(*arguments.get(name, ()))


class Sources:
    """The fitted retrievers, in the order of `RADIO_SOURCES`, which begin with `RETRIEVAL_SOURCES`.

    Args:
        retrievers: Name -> fitted retriever, for every name of `RADIO_SOURCES` but those that were left out.
        catalogue: What they were fitted on.
    """

    def __init__(self, retrievers: Mapping[str, Retriever], catalogue: Catalogue) -> None:
        self.retrievers = {
            name: retrievers[name]
            for name in c.RADIO_SOURCES
            if name in retrievers or name not in c.PAIR_SOURCES
        }
        self.catalogue = catalogue

    @classmethod
    def fit(cls, dataset: Dataset, settings: Settings, warm_start: "Sources | None" = None) -> "Sources":
        """Fit every source that is asked of such data on all interactions of the dataset.

        Args:
            dataset: Cut by the caller to what may be known (`dataset.until`).
            settings: Of the sources and the seed.
            warm_start: Earlier sources; the two-tower starts from theirs.

        Raises:
            TrainingError: A source cannot be fitted.
        """
        left_out = () if asks_pair_sources(dataset, settings.sources) else c.PAIR_SOURCES
        retrievers = {name: unfitted(name, settings) for name in c.RADIO_SOURCES if name not in left_out}
        for name, retriever in retrievers.items():
            if name == c.TWO_TOWER and warm_start is not None:
                cast("TwoTower", retriever).fit(dataset, warm_start=warm_start.two_tower)
            else:
                retriever.fit(dataset)
        return cls(retrievers, dataset.catalogue)

    def extended(self, dataset: Dataset, settings: Settings, audio_folder: Path | None = None) -> "Sources":
        """Return the sources for the dataset that they were fitted on, with more tracks in its catalogue.

        What is learnt by gradients is kept and told of the new tracks (`extended`); sources that only count are counted
        again, which gives them the same answers on new rows.

        Raises:
            InputError: Nothing is known that could tell a new track.
        """
        retrievers = {
            name: retriever.extended(dataset, audio_folder)
            if isinstance(retriever, Extendable)
            else unfitted(name, settings).fit(dataset)
            for name, retriever in self.retrievers.items()
        }
        return Sources(retrievers, dataset.catalogue)

    @property
    def two_tower(self) -> "TwoTower":
        """The two-tower source."""
        return cast("TwoTower", self.retrievers[c.TWO_TOWER])

    @property
    def track_vectors(self) -> TrackVectors:
        """[num_tracks, dim] of length 1, of the two-tower."""
        return self.two_tower.track_vectors_

    def retrieve(
        self,
        queries: Queries,
        settings: SourceSettings,
        excluded: Excluded,
        names: Sequence[str] = c.RETRIEVAL_SOURCES,
    ) -> Candidates:
        """Ask sources and merge what they return.

        Args:
            queries: n queries, a batch of some hundreds; memory grows with n.
            settings: How many to ask of each source, and how many candidates to return.
            excluded: Given rows [n, m] int32, returns [n, m] bool, true for tracks that query i must not get. It is
                applied before merging, so that what is excluded takes nobody's place.
            names: Who is asked, in the order of the candidates' sources; of `SLATE_SOURCES`.

        Returns:
            Candidates [n, settings.candidates].
        """
        depth = min(settings.per_source, len(self.catalogue))
        retrievers = [self._named(name) for name in names]
        return merged(_all_allowed(retrievers, queries, excluded, depth, self.catalogue), settings.candidates)

    def _named(self, name: str) -> Retriever | None:
        """Return a source, None for one that was left out."""
        if name in c.PAIR_SOURCES and name not in self.retrievers:
            return None
        return self._releases if name == c.RELEASES else self.retrievers[name]

    @cached_property
    def _releases(self) -> Releases:
        """The releases of the artists that `artist_tracks` knows; it reads what that source has learnt."""
        return Releases.of(cast("ArtistTracks", self.retrievers[c.ARTIST_TRACKS]), self.catalogue)

    def save(self, directory: Path) -> None:
        """Write each source into a folder of its name."""
        for name, retriever in self.retrievers.items():
            (directory / name).mkdir(parents=True, exist_ok=True)
            retriever.save(directory / name)

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> "Sources":
        """Read what `save` wrote; the catalogue is the one that the sources were fitted on.

        Raises:
            IntegrityError: A source's files are missing, not whole, or of another catalogue.
        """
        names = [
            name for name in c.RADIO_SOURCES if name not in c.PAIR_SOURCES or (directory / name).is_dir()
        ]
        return cls(
            {name: retriever_class(name).load(directory / name, catalogue) for name in names}, catalogue
        )


def asks_pair_sources(dataset: Dataset, settings: SourceSettings) -> bool:
    """Say whether `PAIR_SOURCES` are asked: by default where there is little more than pairs of user and track."""
    if settings.from_pairs == "auto":
        return not (dataset.split.has_time and len(dataset.catalogue.artists))
    return settings.from_pairs == "always"


def best_allowed(
    retriever: Retriever, queries: Queries, excluded: Excluded, depth: int, catalogue: Catalogue
) -> Ranking:
    """Return each query's best allowed tracks, asking the source deeper as long as exclusions leave too few.

    Returns:
        Rows [n, depth] int32 and scores [n, depth] float32, padded with -1 and -inf where the source has no more.
    """
    rows, scores = _all_allowed([retriever], queries, excluded, depth, catalogue)
    return rows[:, 0], scores[:, 0]


def _all_allowed(
    retrievers: Sequence[Retriever | None],
    queries: Queries,
    excluded: Excluded,
    depth: int,
    catalogue: Catalogue,
) -> Ranking:
    """Return what `best_allowed` says of several sources, [n, num_sources, depth]; None has nothing.

    All at once, since to ask what is excluded, and to cut to it, takes longer than to read a lone query's tracks.
    """
    asked, shape = min(math.ceil(FIRST_DEPTH * depth), len(catalogue)), (len(queries), len(retrievers))
    if not asked or not len(queries):
        return beside([_padding(len(queries), depth)] * len(retrievers))
    found, values = beside(
        [
            _padding(len(queries), asked) if retriever is None else retriever.recommend(queries, asked)
            for retriever in retrievers
        ]
    )
    masked = excluded(found.reshape(len(queries), -1)).reshape(-1, asked)
    flat = first_allowed(found.reshape(-1, asked), values.reshape(-1, asked), masked, depth)
    rows, scores = flat[0].reshape(*shape, depth), flat[1].reshape(*shape, depth)
    is_short = flat[2].reshape(shape)
    for place, retriever in enumerate(retrievers):
        if retriever is not None:
            answers = rows[:, place], scores[:, place], is_short[:, place]
            _ask_deeper(retriever, queries, excluded, (asked, len(catalogue)), answers)
    return rows, scores


def _ask_deeper(
    retriever: Retriever,
    queries: Queries,
    excluded: Excluded,
    bounds: tuple[int, int],
    answers: tuple[Rows, npt.NDArray[np.float32], npt.NDArray[np.bool_]],
) -> None:
    """Mend answers as of `first_allowed` where they are short, by asking for more than was asked, up to the catalogue."""
    (asked, num_tracks), (rows, scores, is_short) = bounds, answers
    while asked < num_tracks and is_short.any():
        asked = min(DEEPER * asked, num_tracks)
        places = np.flatnonzero(is_short)
        found, values = _padding(len(queries), asked)
        found[places], values[places] = retriever.recommend(queries.take(places), asked)
        first, second, is_still = first_allowed(found, values, excluded(found), rows.shape[1])
        rows[places], scores[places] = first[places], second[places]
        is_short &= is_still


def _padding(n: int, width: int) -> Ranking:
    return np.full((n, width), NO_ROW, np.int32), np.full((n, width), -np.inf, np.float32)
