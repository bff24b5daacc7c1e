"""Where user ids end: bronze rows enter silver under pseudonyms.

Distinct ids are hashed here, batch by batch, and joined: so the key is in no query plan, and any ibis engine does it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from crossfade.lake.composing import composed
from crossfade.lake.engine import Engine
from crossfade.schema import columns as c
from crossfade.schema.user_keys import UserKey

OWN_ID: Final = "own_id"
PSEUDONYM: Final = "pseudonym"
PAIRS: Final = pa.schema([(OWN_ID, pa.string()), (PSEUDONYM, pa.string())])
# Ids that a source may have made from the user's; shorter user ids stand in them by chance.
MAY_HOLD_USER: Final = (c.EVENT_ID, c.SESSION_ID, c.SLATE_ID)
SHORTEST_HELD: Final = 3


@dataclass(frozen=True)
class Pseudonyms:
    """Own ids and pseudonyms of everybody in bronze; they are paired on first use, since most refreshes have nothing to do.

    Args:
        key: The key.
        tables: Bronze tables that name users.
        session: The engine.
        scratch: Of the lake's writer; the pairs are gone with it.
        name: Of the file of pairs there.
    """

    key: UserKey
    tables: Sequence[ir.Table]
    session: Engine
    scratch: Path
    name: str = "pseudonyms"

    def of(self, rows: ir.Table) -> ir.Table:
        """Return bronze rows under pseudonyms, in ids that hold the user's too; columns stay as they are."""
        return pseudonymised(rows, self._pairs)

    def back(self, rows: ir.Table) -> ir.Table:
        """Return rows that name users by pseudonyms under own ids; other columns stay as they are."""
        return owned(rows, self._pairs)

    @cached_property
    def _pairs(self) -> ir.Table:
        everybody = ibis.union(*(table.select(c.USER_ID) for table in self.tables)).distinct()
        named = everybody.filter(everybody[c.USER_ID].notnull())
        path = self.scratch / f"{self.name}.parquet"
        with pq.ParquetWriter(path, PAIRS) as sink:
            for batch in self.session.batches(named, pa.schema([(c.USER_ID, pa.string())])):
                own = batch.column(0)
                sink.write_batch(pa.record_batch([own, self.key.pseudonyms(own)], schema=PAIRS))
        return self.session.table([path], PAIRS)


@composed
def pseudonymised(rows: ir.Table, pairs: ir.Table) -> ir.Table:
    """Put pseudonyms in the place of own ids.

    Args:
        rows: With `user_id`, which may be null.
        pairs: own_id, pseudonym; each own id once.

    Returns:
        The same columns; event, session and slate ids that hold the user's id of 3 characters or more hold the pseudonym.
    """
    joined = rows.left_join(pairs, rows[c.USER_ID] == pairs[OWN_ID])
    own, pseudonym = joined[c.USER_ID], joined[PSEUDONYM]
    replaced = {
        name: (own.length() >= SHORTEST_HELD).ifelse(joined[name].replace(own, pseudonym), joined[name])
        for name in MAY_HOLD_USER
        if name in rows.columns
    }
    return joined.mutate(**replaced, **{c.USER_ID: pseudonym}).select(rows.columns)


@composed
def owned(rows: ir.Table, pairs: ir.Table) -> ir.Table:
    """Put own ids in the place of pseudonyms.

    Args:
        rows: With `user_id`, a pseudonym; rows of users that are not among the pairs are left out.
        pairs: own_id, pseudonym; each once.
    """
    joined = rows.inner_join(pairs, rows[c.USER_ID] == pairs[PSEUDONYM])
    return joined.mutate(**{c.USER_ID: joined[OWN_ID]}).select(rows.columns)
