"""The one recommender behind evaluation, the weekly batch and the server: requests in, slates out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from crossfade.features.candidates import Candidates
from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.left import Left
from crossfade.features.ranking_features import ranking_features
from crossfade.features.statistics import Statistics
from crossfade.features.vectors import readable
from crossfade.ranking.contract import Ranker, load_ranker
from crossfade.recommender import bundle
from crossfade.recommender.evidence import explain
from crossfade.recommender.filters import Exclusions
from crossfade.recommender.manifest import DIGEST, Manifest, model_digest, understood, verify
from crossfade.recommender.muting import mute_popularity, without_source
from crossfade.recommender.policy import Policy
from crossfade.recommender.ranked import Ranked, slates_of
from crossfade.recommender.reasons import verified
from crossfade.recommender.requests import Requests
from crossfade.recommender.rescoring import rescored
from crossfade.recommender.slates import Slates
from crossfade.recommender.surfaces import Policies, load_policies
from crossfade.recommender.wording import Wording
from crossfade.reranking.artist_kinds import artist_kinds, small_artists
from crossfade.reranking.chances import Scored
from crossfade.reranking.exploration import explore, genre_rates
from crossfade.reranking.flow import FlowColumns, in_flow
from crossfade.reranking.known_artists import known_first
from crossfade.reranking.rerank import GenreProfiles, TrackColumns, best_first, rerank
from crossfade.retrieval.merging import first_cut
from crossfade.retrieval.retelling import Retelling
from crossfade.retrieval.sources import Sources
from crossfade.schema import columns as c
from crossfade.schema.ids import Rows
from crossfade.schema.own_ids import own_rows
from crossfade.schema.settings import Settings, load_settings
from crossfade.schema.tables import Surface
from crossfade.schema.tasks import DISCOVERY

Bools = npt.NDArray[np.bool_]

# Where more of the candidates is there than this, scoring padding costs less than leaving it out.
MOSTLY: Final = 0.9
Watch = Callable[[Ranked, Slates], None]


@dataclass(frozen=True)
class Recommender:
    """A loaded bundle.

    Args:
        dataset: Catalogue, users and their histories before `as_of`.
        sources: Fitted retrievers.
        statistics: Of tracks, artists and countries as of `as_of`.
        ranker: Orders candidates of every surface but the radio.
        radio_ranker: Orders candidates of the radio; None where there were no sessions to learn from.
        policies: Of each surface.
        settings: That the bundle was trained with.
        as_of: UTC seconds; the bundle knows what happened before.
        digest: The bundle's name.
        model: Digest of the model alone, as `model_digest`.
        home: The bundle's directory, from which the key of its users' names is looked for; None where there is none.
    """

    dataset: Dataset
    sources: Sources
    statistics: Statistics
    ranker: Ranker
    radio_ranker: Ranker | None
    policies: Policies
    settings: Settings
    as_of: int
    digest: str
    model: str
    home: Path | None = None

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Open a bundle after checking every byte of it.

        Raises:
            NotFoundError: There is no bundle.
            IntegrityError: Names the file that is changed, missing or foreign, or the release that can read it.
        """
        manifest = verify(directory)
        return understood(directory, lambda: cls._read(directory, manifest))

    @classmethod
    def _read(cls, directory: Path, manifest: Manifest) -> Self:
        dataset, radio = Dataset.load(directory), directory / bundle.RANKER / bundle.RADIO
        return cls(
            dataset,
            Sources.load(directory / bundle.SOURCES, dataset.catalogue),
            Statistics.load(directory),
            load_ranker(directory / bundle.RANKER),
            load_ranker(radio) if radio.exists() else None,
            load_policies(directory / bundle.POLICIES),
            load_settings(directory / bundle.SETTINGS),
            manifest["window"]["end"],
            manifest[DIGEST],
            model_digest(manifest),
            directory,
        )

    @property
    def catalogue(self) -> Catalogue:
        """The tracks."""
        return self.dataset.catalogue

    @cached_property
    def wording(self) -> Wording:
        """Turns reasons into sentences."""
        return Wording(self.catalogue, self.dataset.users.countries)

    @cached_property
    def track_columns(self) -> TrackColumns:
        """What reranking reads of a track."""
        catalogue = self.catalogue
        listens = np.log1p(self.statistics.track_listens)
        return TrackColumns(
            catalogue.artist_rows,
            catalogue.album_rows,
            catalogue.genre_rows,
            len(catalogue.genres),
            (listens / max(listens.max(initial=0), 1)).astype(np.float32),
            readable(self.sources.track_vectors),
        )

    @cached_property
    def flow_columns(self) -> FlowColumns:
        """What the order of a slate reads of a track."""
        return FlowColumns.of(self.catalogue)

    @cached_property
    def is_small(self) -> Bools:
        """[num_artists] bool: small artists."""
        return small_artists(self.statistics.artist_listens)

    @cached_property
    def genre_rates(self) -> npt.NDArray[np.float64]:
        """[num_genres] everybody's share of plays among plays and skips, which exploration starts from."""
        return genre_rates(self.dataset.interactions, self.catalogue.genre_rows, len(self.catalogue.genres))

    def user_rows(self, user_ids: Sequence[str]) -> Rows:
        """Map people's own ids [n] to rows, -1 unknown; errors as in `own_rows`."""
        return own_rows(self.dataset.users.ids, user_ids, self.home)

    def recommend(self, requests: Requests, watch: Watch | None = None) -> Slates:
        """Answer requests of one surface: retrieve, filter, rank, rerank, explain.

        A batch gives each request the slate that it gets alone. A slate is short where fewer tracks are left.

        Args:
            requests: n requests; callers bound n (`weekly.batch_users`), memory grows with it.
            watch: Told candidates with their features, and what was chosen of them.
        """
        if not len(requests):
            return Slates.empty(requests.k)
        ranked, slates = self._chosen(requests, self.exclusions(requests), watch)
        # Nothing can be left out of what the radio's sources say, or of picks.
        is_able = requests.picks is None and self.ranker_of(requests.surface).task is DISCOVERY
        if requests.rescore_reasons and is_able and len(self.catalogue) and not requests.verify_reasons:
            asked = self.retelling(requests, slates)
            return rescored(self, requests, ranked, self.explain(requests, slates, asked), asked)
        likely, is_judged = (
            self.explain(requests, slates),
            requests.verify_reasons or requests.rescore_reasons,
        )
        return verified(self, requests, likely) if is_judged else likely

    def retelling(self, requests: Requests, slates: Slates) -> Retelling:
        """Return the sources, ready to be asked about the slates' tracks again and again."""
        task = self.ranker_of(requests.surface).task
        return Retelling.of(self.sources, task.sources, requests.taste, slates.rows)

    def explain(self, requests: Requests, slates: Slates, asked: Retelling | None = None) -> Slates:
        """Give slates their likeliest reasons; `asked` as of `retelling`, where the caller has it already."""
        known: dict[str, Any] = {"catalogue": self.catalogue, "statistics": self.statistics}
        return explain(slates, requests.queries, **known, sources=self.sources, asked=asked)

    def choose(
        self,
        requests: Requests,
        excluded: Exclusions,
        *,
        muted_popular: Bools | None = None,
        watch: Watch | None = None,
    ) -> Slates:
        """Return slates without reasons; arguments as in `rank` and `recommend`."""
        return self._chosen(requests, excluded, watch, muted_popular)[1]

    def _chosen(
        self,
        requests: Requests,
        excluded: Exclusions,
        watch: Watch | None = None,
        muted_popular: Bools | None = None,
    ) -> tuple[Ranked, Slates]:
        ranked = self.rank(requests, excluded, muted_popular=muted_popular)
        slates = self.rerank(requests, ranked)
        if watch is not None:
            watch(ranked, slates)
        return ranked, slates

    def ranker_of(self, surface: Surface) -> Ranker:
        """Return who orders a surface's candidates; its task says which sources are asked."""
        radio = self.radio_ranker
        return radio if surface == Surface.RADIO and radio is not None else self.ranker

    def policy_of(self, requests: Requests) -> Policy:
        """Return the policy of the requests' surface."""
        return self.policies[requests.surface]

    def exclusions(self, requests: Requests) -> Exclusions:
        """Return the mask of what must not be shown to the requests."""
        return Exclusions(requests, self.policy_of(requests), self.catalogue)

    def rank(self, requests: Requests, excluded: Exclusions, *, muted_popular: Bools | None = None) -> Ranked:
        """Retrieve, filter and score candidates, in no order.

        Args:
            requests: n requests.
            excluded: Of these requests.
            muted_popular: [n] bool, requests that go without all that is known of popularity: its source and
                its features; None is nobody.
        """
        task = self.ranker_of(requests.surface).task
        # New releases have few listens, if any: their own source brings them, and the ranker orders them by their artists.
        asked = task.sources + ((c.RELEASES,) if requests.surface == Surface.RELEASE_RADAR else ())
        candidates = self.sources.retrieve(requests.taste, self.settings.sources, excluded, asked)
        if muted_popular is not None and muted_popular.any():
            candidates = without_source(candidates, muted_popular, task.sources.index(c.POPULAR))
        candidates = first_cut(candidates, self.settings.sources.ranked)
        return self.score(requests, candidates.of_first(len(task.sources)), muted_popular=muted_popular)

    def score(
        self,
        requests: Requests,
        candidates: Candidates,
        *,
        muted_popular: Bools | None = None,
        left: Left | None = None,
    ) -> Ranked:
        """Score given candidates, in no order; arguments as in `rank`, and `left` as in `ranking_features`."""
        ranker = self.ranker_of(requests.surface)
        known = self.catalogue, self.statistics, self.sources.track_vectors
        features = ranking_features(requests.taste, candidates, *known, task=ranker.task, left=left)
        if muted_popular is not None:
            mute_popularity(features, muted_popular)
        filled = candidates.rows >= 0
        if np.count_nonzero(filled) > MOSTLY * filled.size:
            scores = np.where(filled, ranker.predict(features), np.float32(-np.inf))
        else:
            scores = np.full(filled.shape, -np.inf, np.float32)
            by_feature = np.moveaxis(features, -1, 0).reshape(features.shape[-1], -1)
            scores[filled] = ranker.predict(by_feature[:, filled.ravel()].T)
        return Ranked(candidates, features, scores)

    def rerank(self, requests: Requests, ranked: Ranked) -> Slates:
        """Choose slates by the surface's policy, without reasons."""
        scored, places, rules = self.before_exploration(requests, ranked)
        exploration = self.policy_of(requests).exploration(requests.k, self.settings.seed)
        return slates_of(ranked, *explore(scored, places, requests.taste, exploration, **rules))

    def before_exploration(self, requests: Requests, ranked: Ranked) -> tuple[Scored, Rows, dict[str, Any]]:
        """Return candidates as scored, the places that are chosen of them, and the rules that exploration keeps, too."""
        candidates, policy, tracks = ranked.candidates, self.policy_of(requests), self.track_columns
        taste, scored = requests.taste, (candidates.rows, ranked.scores)
        if policy.known_artists_first:
            scored = candidates.rows, known_first(*scored, taste, tracks.artist_rows)
        rules: dict[str, Any] = {"tracks": tracks, "weights": policy.weights, "order": best_first(*scored)}
        if policy.sets_shares:
            rules["kinds"] = artist_kinds(
                requests.queries, candidates.rows, tracks.artist_rows, self.is_small
            )
        profiles = (
            GenreProfiles.of(taste, tracks.genre_rows, tracks.num_genres)
            if policy.calibration
            else GenreProfiles.none(len(requests))
        )
        places = rerank(*scored, requests.k, profiles=profiles, **rules)
        places = in_flow(candidates.rows, places, requests.queries, self.flow_columns, policy.order)
        return scored, places, {**rules, "rates": self.genre_rates}

    def without_exploration(self) -> Self:
        """Return the recommender with policies that explore nowhere; all else is the same."""
        plain = {"explore_places": ()}
        return replace(self, policies={name: p.model_copy(update=plain) for name, p in self.policies.items()})
