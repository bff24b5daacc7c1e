"""Computes one shard of a weekly batch: users' histories to slates to one Parquet file with its receipt."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.recommender.requests import Requests
from crossfade.recommender.slates import Slates
from crossfade.recommender.workspace import Workspace
from crossfade.schema import columns as c
from crossfade.schema.cores import one_core
from crossfade.schema.durable import replace_file, replacing
from crossfade.schema.errors import CrossfadeError, IntegrityError
from crossfade.schema.settings import WeeklySettings
from crossfade.schema.tables import Surface
from crossfade.schema.zones import zones_of
from crossfade.store.contract import PROPENSITIES, REASON_KINDS, REASONS, SCORES, SLATES, SOURCES, Generation
from crossfade.store.durations import note_beginning
from crossfade.store.listeners import by_taste, listeners
from crossfade.store.plan import KINDS, ShardSpec, read_plan, shard_home

if TYPE_CHECKING:  # it loads TensorFlow
    from crossfade.recommender.recommend import Recommender

    Load = Callable[[Path, Path], tuple[Dataset, Recommender]]

Counts = Counter[str]

FULL: Final = "full"
FEW_NEW_TRACKS: Final = (
    "few new tracks"  # the catalogue holds fewer tracks that are new to the user than a slate
)
FEW_CANDIDATES: Final = "few candidates"  # enough are new, but filters, caps and sources left fewer


@dataclass(frozen=True)
class Receipt:
    """Proof of a finished shard; it is written after the file, so that a shard with one is whole.

    Args:
        sha256: Of the Parquet file.
        num_users: Slates in it.
        num_full: Slates of full length.
        short: Number of shorter slates by reason.
    """

    sha256: str
    num_users: int
    num_full: int
    short: Mapping[str, int]

    @classmethod
    def read(cls, stem: Path) -> Self | None:
        """Read a shard's receipt, None when it is not there, damaged, or not of the file beside it."""
        try:
            receipt = cls(**json.loads(stem.with_suffix(".json").read_text("utf-8")))
            return receipt if receipt.sha256 == _sha256(stem.with_suffix(".parquet")) else None
        except (FileNotFoundError, ValueError, TypeError):
            return None


def load_inputs(dataset_dir: Path, bundle_dir: Path) -> "tuple[Dataset, Recommender]":
    """Open what a batch reads, memory-mapped, after checking every byte of the bundle."""
    return Dataset.load(dataset_dir), _recommender(bundle_dir)


def generate_shard(
    dataset_dir: Path,
    bundle_dir: Path,
    workspace: Workspace,
    settings: WeeklySettings,
    spec: ShardSpec,
    *,
    load: "Load" = load_inputs,
) -> Receipt:
    """Recommend to the users of one shard; a shard that is finished already is kept.

    Args:
        dataset_dir: What the shard was planned for.
        bundle_dir: What it was planned with.
        workspace: Has the plan, gets the shard.
        settings: `batch_users` is read.
        spec: Which users.
        load: Opens dataset and bundle; who makes many shards in one process remembers them.

    Raises:
        NotFoundError: The shard's generation was never planned.
        IntegrityError: Dataset or bundle is not the planned one, or the bundle is damaged.
        CrossfadeError: The shard could not be written; nothing of it stays.
    """
    generation, _ = read_plan(workspace, spec.surface, spec.generation)
    stem = shard_home(workspace, spec.surface, spec.generation) / spec.stem
    finished = Receipt.read(stem)
    # Another weekly.users_per_shard may give as many shards of other users, under the same names.
    if finished is not None and finished.num_users == spec.num_users:
        return finished
    try:
        note_beginning(stem, spec.index)
    except OSError as error:
        raise _unwritten(stem, error) from error
    dataset, recommender = load(dataset_dir, bundle_dir)
    _require_planned(generation, dataset, recommender)
    return write_shard(
        stem, spec, generation, dataset=dataset, recommender=recommender, batch_users=settings.batch_users
    )


def write_shard(
    stem: Path,
    spec: ShardSpec,
    generation: Generation,
    *,
    dataset: Dataset,
    recommender: "Recommender",
    batch_users: int,
) -> Receipt:
    """Recommend to the users of one shard with what is loaded already, on one core, and write them down.

    Args:
        stem: The shard's files without their endings.
        spec: Which users.
        generation: That the shard is of.
        dataset: That was planned.
        recommender: That was planned.
        batch_users: Users recommended together.

    Raises:
        CrossfadeError: The shard could not be written; nothing of it stays.
    """
    try:
        with one_core():
            ids, queries = listeners(dataset, recommender.dataset, spec.first, spec.stop)
            slates = _recommended(recommender, queries, generation, batch_users)
            zones = _zones(dataset, generation, spec)
            tables = _tables(ids, slates, zones, recommender, batch_users)
            return _written(stem, tables, _counted(slates, queries, len(recommender.catalogue)))
    except OSError as error:
        raise _unwritten(stem, error) from error


def _unwritten(stem: Path, error: OSError) -> CrossfadeError:
    return CrossfadeError(
        f"Shard {stem} could not be written: {error}. Nothing that was there is lost; free space on that "
        "disk and run this again."
    )


def _recommender(bundle_dir: Path) -> "Recommender":
    from crossfade.recommender.recommend import Recommender

    return Recommender.load(bundle_dir)


def _require_planned(generation: Generation, dataset: Dataset, recommender: "Recommender") -> None:
    planned = (generation.bundle, generation.as_of, generation.num_users)
    found = (recommender.digest, dataset.split.end, len(dataset.users))
    if planned != found:
        raise IntegrityError(
            f"Generation {generation.name} is planned for (bundle, end, users) {planned}, but got {found}; "
            "plan it again with: crossfade run weekly."
        )


def _recommended(
    recommender: "Recommender", queries: Queries, generation: Generation, batch_users: int
) -> Slates:
    """Return the slates of a shard in its order, though made batch by batch for listeners of like taste."""
    surface, length = Surface(generation.surface), generation.length
    order, slates = by_taste(queries, recommender.catalogue), Slates.room(len(queries), length)
    for start in range(0, len(order), batch_users):
        places = order[start : start + batch_users]
        requests = Requests.of(queries.take(places), surface, length, rescore_reasons=True)
        slates.put(places, recommender.recommend(requests))
    return slates


def _zones(dataset: Dataset, generation: Generation, spec: ShardSpec) -> pa.Array:
    """Return the time zones of a shard's listeners; without a Monday of their own nobody asks for them, and none are kept."""
    countries = dataset.users.table.column(c.COUNTRY).slice(spec.first, spec.stop - spec.first)
    return zones_of(_whole(countries)) if generation.monday else pa.nulls(len(countries), pa.string())


def _tables(
    ids: pa.Array, slates: Slates, zones: pa.Array, recommender: "Recommender", batch_users: int
) -> Iterator[pa.Table]:
    """Yield slates (columns as in `SLATES`), batch by batch."""
    for start in range(0, len(ids), batch_users):
        stop = min(start + batch_users, len(ids))
        part, own_zones = slates.slice(start, stop), zones.slice(start, stop - start)
        yield table_of(ids.slice(start, stop - start), part, recommender, own_zones)


def _counted(slates: Slates, queries: Queries, num_tracks: int) -> Counts:
    """Count slates that are full, and those that are not by why."""
    length = slates.rows.shape[1]
    short = np.flatnonzero(slates.lengths < length)
    num_few = np.count_nonzero(num_tracks - _num_heard(queries.take(short), num_tracks) < length)
    return Counter(
        {FULL: len(slates) - len(short), FEW_NEW_TRACKS: num_few, FEW_CANDIDATES: len(short) - num_few}
    )


def _num_heard(queries: Queries, num_tracks: int) -> npt.NDArray[np.int64]:
    """Return [n] distinct tracks of each history."""
    pairs = np.unique(queries.owners * max(num_tracks, 1) + queries.track_rows)
    return np.bincount(pairs // max(num_tracks, 1), minlength=len(queries))


def table_of(
    ids: pa.Array, slates: Slates, recommender: "Recommender", zones: pa.Array | None = None
) -> pa.Table:
    """Return slates of users [n], whose time zones [n] may be known, with the columns of `SLATES`."""
    zones = pa.nulls(len(ids), pa.string()) if zones is None else zones
    filled = slates.rows >= 0
    rows, kinds = slates.rows[filled], slates.reason_kinds[filled]
    offsets = pa.array(np.concatenate([[0], np.cumsum(slates.lengths)]), pa.int32())
    columns = {
        c.TRACK_IDS: recommender.catalogue.table.column(c.TRACK_ID).take(pa.array(rows)),
        SCORES: pa.array(slates.scores[filled]),
        PROPENSITIES: pa.array(slates.propensities[filled]),
        SOURCES: pa.array(c.SLATE_SOURCES).take(pa.array(slates.sources[filled])),
        REASON_KINDS: pa.array(KINDS).take(pa.array(kinds)),
        REASONS: recommender.wording.texts(kinds, slates.reason_rows[filled]),
    }
    lists = [pa.ListArray.from_arrays(offsets, _whole(column)) for column in columns.values()]
    return pa.table([ids.cast(pa.string()), *lists, zones], schema=SLATES)


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _written(stem: Path, tables: Iterable[pa.Table], counts: Counts) -> Receipt:
    path = stem.with_suffix(".parquet")
    # Several machines may write the same shard, where one is slow or seems dead; all write the same bytes.
    with replacing(path) as partial, pq.ParquetWriter(partial, SLATES, compression="zstd") as writer:
        for slates in tables:
            writer.write_table(slates)
    short = {reason: int(counts[reason]) for reason in (FEW_NEW_TRACKS, FEW_CANDIDATES)}
    receipt = Receipt(_sha256(path), int(counts.total()), int(counts[FULL]), short)
    replace_file(stem.with_suffix(".json"), json.dumps(asdict(receipt), indent=2).encode())
    return receipt


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
