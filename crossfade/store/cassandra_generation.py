"""One generation in Cassandra: its reader and its writer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final
from uuid import uuid4
from zlib import crc32

import pyarrow as pa

from crossfade.schema.errors import IntegrityError
from crossfade.store.cassandra_link import Link, Rows
from crossfade.store.cassandra_state import Written
from crossfade.store.contract import Generation, PackedSlate, StoredSlate
from crossfade.store.encoding import decode, key_of, keyed, unpack

USERS_PER_BUCKET: Final = 1000
ASKED_TOGETHER: Final = 100  # users of a bucket
GET: Final = "SELECT slate FROM slates WHERE writing = ? AND bucket = ? AND user_id = ?"
FIND: Final = "SELECT user_id, slate FROM slates WHERE writing = ? AND bucket = ? AND user_id IN ?"
PUT: Final = "INSERT INTO slates (writing, bucket, user_id, slate) VALUES (?, ?, ?, ?)"


@dataclass(frozen=True)
class CassandraReader:
    """A view of one generation; it stays whole for `expire_hours` after the generation is removed."""

    written: Written
    link: Link = field(repr=False)

    @property
    def generation(self) -> Generation:
        """What is looked at."""
        return self.written.generation

    def get(self, user: str) -> StoredSlate | None:
        """Return the user's slate, None for a user without one.

        Raises:
            CrossfadeError: Cassandra does not answer.
        """
        return decode(self.packed(user))

    def packed(self, user: str) -> PackedSlate | None:
        """Return what `get` does, as it is kept; raises as it does."""
        key = key_of(user)
        return None if key is None else self.taken(self.link.all([(GET, self.place(key))])[0], user)

    def place(self, key: bytes) -> tuple[str, int, bytes]:
        """Return where the slate of a user is."""
        return self.written.writing, bucket_of(key, self.written.buckets), key

    def taken(self, rows: Rows, user: str) -> PackedSlate | None:
        """Take what `GET` found as a user's slate."""
        return unpack(rows[0][0], user, self.generation) if rows else None

    def __len__(self) -> int:
        """Return the number of slates."""
        return self.written.slates


@dataclass
class CassandraWriter:
    """A generation that is being written and that no reader sees yet."""

    generation: Generation
    link: Link
    writing: str = field(default_factory=lambda: uuid4().hex)
    num_slates: int = 0

    @property
    def num_unchanged(self) -> int:
        """None are kept unwritten."""
        return 0

    @property
    def num_buckets(self) -> int:
        """Partitions that the users are spread over."""
        return 1 + self.generation.num_users // USERS_PER_BUCKET

    @property
    def written(self) -> Written:
        """What is there so far."""
        return Written(self.generation, self.writing, self.num_buckets, self.num_slates)

    def put_many(self, slates: pa.Table) -> None:
        """Add slates (columns as in `SLATES`) and read them back; a user who is there already is replaced.

        Raises:
            InputError: A user id is empty or too long, or a slate does not fit the generation's vocabularies.
            IntegrityError: Cassandra gives back something else.
            CrossfadeError: It does not answer.
        """
        if not slates.num_rows:
            return
        values = keyed(slates, self.generation)
        num_known = len(self._found(list(values)))
        self._write(values)
        if self._found(list(values)) != values:
            raise IntegrityError(
                f"Cassandra at {self.link.place} gives back other slates than were written to {self.generation.name}; "
                "look at its logs and publish the generation again."
            )
        self.num_slates += len(values) - num_known

    def __len__(self) -> int:
        """Return the number of slates so far."""
        return self.num_slates

    def _write(self, values: Mapping[bytes, bytes]) -> None:
        rows = [(self.writing, self._bucket(key), key, slate) for key, slate in values.items()]
        self.link.all([(PUT, row) for row in rows])

    def _found(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return what is there of some users."""
        asked = []
        for bucket, group in groupby(sorted(keys, key=self._bucket), self._bucket):
            of_bucket = list(group)
            for start in range(0, len(of_bucket), ASKED_TOGETHER):
                asked.append((FIND, (self.writing, bucket, of_bucket[start : start + ASKED_TOGETHER])))
        return {key: slate for rows in self.link.all(asked) for key, slate in rows}

    def _bucket(self, key: bytes) -> int:
        return bucket_of(key, self.num_buckets)


def bucket_of(key: bytes, num_buckets: int) -> int:
    """Return the partition that holds a user's slate."""
    return crc32(key) % num_buckets
