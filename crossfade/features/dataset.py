"""The dataset of one training run: catalogue, users, interactions and the moments at which time is split."""

import json
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.features.arrow_files import read_table, write_table
from crossfade.features.catalogue import Catalogue
from crossfade.features.cutting import histories_before
from crossfade.features.follows import Follows
from crossfade.features.interactions import ON_TIME, Codes, Int64s, Interactions, Queries
from crossfade.features.playlists import Playlists
from crossfade.features.traits import TRAITS, UNKNOWN_YEAR, age_codes, unknown, vocabulary
from crossfade.schema import columns as c
from crossfade.schema.errors import NotFoundError
from crossfade.schema.ids import IdMap, Rows

USER_ROWS: Final = "user_rows"
COLUMNS: Final = (USER_ROWS, "track_rows", "seconds", "strengths", "sessions")
ARRIVALS: Final = "arrivals"
TRAITS_FILE: Final = "traits.arrow"
USERS_FILE: Final = "users.arrow"
LISTENS_FILE: Final = "interactions.arrow"
SPLIT_FILE: Final = "split.json"


@dataclass(frozen=True)
class Split:
    """Moments in UTC seconds: [.., validation_start) train, [validation_start, test_start) validation, [test_start, end) test.

    `has_time` is false where events carried no timestamps: then `seconds` are seeded random positions (a day is about a share of
    the listens) and recency means nothing.
    """

    validation_start: int
    test_start: int
    end: int
    has_time: bool = True


@dataclass(frozen=True)
class Users:
    """Users in row order, as one Arrow table with the canonical user columns, sorted by user id."""

    table: pa.Table

    def __len__(self) -> int:
        """Return the number of users."""
        return int(self.table.num_rows)

    @cached_property
    def ids(self) -> IdMap:
        """User ids; rows are the positions in the table."""
        return IdMap(self.table.column(c.USER_ID).combine_chunks())

    @cached_property
    def countries(self) -> IdMap:
        """Country codes."""
        return IdMap.of(self.table.column(c.COUNTRY).combine_chunks())

    @cached_property
    def country_rows(self) -> Rows:
        """[num_users] int32, -1 unknown."""
        return self.countries.rows(self.table.column(c.COUNTRY))

    @cached_property
    def birth_years(self) -> Rows:
        """[num_users] int32, the smallest int32 where unknown."""
        years = pc.fill_null(self.table.column(c.BIRTH_YEAR), int(UNKNOWN_YEAR))
        return np.asarray(years.to_numpy(), np.int32)

    @cached_property
    def tell_ages(self) -> bool:
        """Whether the birth year of anybody is known."""
        return bool((self.birth_years != UNKNOWN_YEAR).any())

    @cached_property
    def explicit_allowed(self) -> npt.NDArray[np.bool_]:
        """[num_users] bool, true where unknown."""
        return np.asarray(pc.fill_null(self.table.column(c.EXPLICIT_ALLOWED), True).to_numpy(), np.bool_)


@dataclass(frozen=True)
class Dataset:
    """Everything that training, evaluation and the weekly batch read of the lake."""

    catalogue: Catalogue
    users: Users
    interactions: Interactions
    split: Split
    lake_versions: dict[str, int]
    lake: str = ""  # id of the lake whose versions these are
    playlists: Playlists = field(default_factory=Playlists.none)
    traits: IdMap = field(
        default_factory=lambda: vocabulary({})
    )  # names of what is known of users and moments
    follows: Follows = field(default_factory=Follows.none)

    def until(self, end: int) -> "Dataset":
        """Return the dataset as it was known just before a moment: what happened or arrived later is gone."""
        known = self.interactions.where(self.interactions.known_before(end))
        playlists, follows = self.playlists.before(end), self.follows.before(end)
        return replace(self, interactions=known, playlists=playlists, follows=follows)

    @cached_property
    def on_time(self) -> "Dataset":
        """The dataset without back-fills, for examples at many moments: none of them sees what arrived after it.

        Nor do those see a back-fill that came after its arrival, which costs a little and is simple.
        """
        acts = self.interactions
        if acts.arrivals is None:
            return self
        came = replace(acts.where(acts.arrivals == ON_TIME), arrivals=None)
        return replace(self, interactions=came)

    @cached_property
    def user_offsets(self) -> npt.NDArray[np.int64]:
        """[num_users + 1] int64: interactions of user u stand at offsets[u]:offsets[u + 1]."""
        counts = np.bincount(self.interactions.user_rows, minlength=len(self.users))
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def queries(self, user_rows: Rows, as_of: int) -> Queries:
        """Cut queries: each user's history strictly before `as_of`, as far as it had arrived by then.

        Args:
            user_rows: [n] int32; -1 gives an empty history.
            as_of: UTC seconds.
        """
        users, acts = np.asarray(user_rows, np.int32), self.interactions
        moments = np.full(len(users), as_of, np.int64)
        countries, allowed = users, np.ones(len(users), np.bool_)
        if len(self.users):
            known, has_user = np.maximum(users, 0), users >= 0
            countries = np.where(has_user, self.users.country_rows[known], np.int32(-1))
            allowed = np.where(has_user, self.users.explicit_allowed[known], True)
        columns = (acts.track_rows, acts.seconds, acts.strengths, acts.sessions)
        offsets, tracks, seconds, strengths, sessions = histories_before(
            self.user_offsets, columns, users, as_of
        )
        queries = Queries(
            users,
            moments,
            countries,
            allowed,
            offsets,
            tracks,
            seconds,
            strengths,
            sessions,
            self.profiles(users, moments),
            self.follows.followed(users, moments),
        )
        if acts.arrivals is None:
            return queries
        return queries.keep(self._arrivals(queries) <= as_of)

    def _arrivals(self, queries: Queries) -> Int64s:
        """Return when the lake learnt of each entry [m] of queries' histories, which begin where their users' do."""
        assert self.interactions.arrivals is not None, "asked for where there are any"
        first = np.where(queries.user_rows >= 0, self.user_offsets[queries.user_rows], 0)
        places = np.arange(len(queries.track_rows)) + (first - queries.offsets[:-1])[queries.owners]
        return np.asarray(self.interactions.arrivals[places])

    def profiles(self, user_rows: Rows, seconds: Int64s) -> Codes | None:
        """Return what is known of users [n] (-1 unknown) at moments [n]: traits [n, 6], None where nothing is."""
        years = self.users.birth_years
        if not self.split.has_time or not self.users.tell_ages:
            return None
        traits = unknown(len(user_rows))
        born = np.where(user_rows >= 0, years[np.maximum(user_rows, 0)], UNKNOWN_YEAR).astype(np.int32)
        traits[:, TRAITS.index(c.AGE)] = age_codes(born, seconds, self.traits)
        return traits

    def save(self, directory: Path) -> None:
        """Write the dataset as Arrow files and `split.json`."""
        self.catalogue.save(directory)
        write_table(self.users.table, directory / USERS_FILE)
        acts = self.interactions
        columns = {name: getattr(acts, name) for name in COLUMNS}
        if acts.arrivals is not None:
            columns[ARRIVALS] = acts.arrivals
        if acts.situations is not None:
            columns |= {name: acts.situations[:, i].copy() for i, name in enumerate(c.SITUATION)}
        write_table(pa.table(columns), directory / LISTENS_FILE)
        write_table(pa.table({"trait": self.traits.ids}), directory / TRAITS_FILE)
        self.playlists.save(directory)
        self.follows.save(directory)
        about = {"split": asdict(self.split), "lake": self.lake, "lake_versions": self.lake_versions}
        (directory / SPLIT_FILE).write_text(json.dumps(about, indent=2), "utf-8")

    @classmethod
    def load(cls, directory: Path) -> "Dataset":
        """Read what `save` wrote.

        Raises:
            NotFoundError: There is no dataset.
        """
        if not (directory / SPLIT_FILE).is_file():
            raise NotFoundError(
                f"{directory} is not a dataset (it has no {SPLIT_FILE}); the step make_dataset writes one: crossfade run "
                "training or weekly, below WORKSPACE/runs."
            )
        about = json.loads((directory / SPLIT_FILE).read_text("utf-8"))
        table = read_table(directory / LISTENS_FILE)
        situations = [table.column(name).to_numpy() for name in table.column_names if name in c.SITUATION]
        acts = Interactions(*(table.column(name).to_numpy() for name in COLUMNS))
        arrivals = table.column(ARRIVALS).to_numpy() if ARRIVALS in table.column_names else None
        acts = replace(
            acts, situations=np.stack(situations, axis=1) if situations else None, arrivals=arrivals
        )
        traits = IdMap(read_table(directory / TRAITS_FILE).column(0).combine_chunks())
        users = Users(read_table(directory / USERS_FILE))
        split, versions = Split(**about["split"]), about["lake_versions"]
        return cls(
            Catalogue.load(directory),
            users,
            acts,
            split,
            versions,
            about.get("lake", ""),
            Playlists.load(directory),
            traits,
            Follows.load(directory),
        )
