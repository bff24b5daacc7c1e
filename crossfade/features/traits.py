"""What is known of a listener and of a moment besides what was played: age, device, shuffle, context, hour and weekday."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.features.interactions import SECONDS_PER_DAY, Codes, Int64s
from crossfade.schema import columns as c
from crossfade.schema.ids import NO_ROW, IdMap, Rows

# A code is one byte: there is one of each for every interaction.
MOST_TRAITS: Final = np.iinfo(np.int8).max
TRAITS: Final = (c.AGE, *c.SITUATION, c.HOUR, c.WEEKDAY)
DECADES: Final = 10
HOURS: Final = 24
WEEKDAYS: Final = 7
MONDAY: Final = 3  # 1970-01-01 was a Thursday, the fourth day of its week
SECONDS_PER_HOUR: Final = 3600
UNKNOWN_YEAR: Final = np.iinfo(np.int32).min


def trait(column: str, value: object) -> str:
    """Return the name of a trait, for example `device=phone`; flags are written in lower case."""
    return f"{column}={str(value).lower() if isinstance(value, bool) else value}"


_AGES: Final = [trait(c.AGE, 10 * decade) for decade in range(DECADES)]
_HOURS: Final = [trait(c.HOUR, hour) for hour in range(HOURS)]
_WEEKDAYS: Final = [trait(c.WEEKDAY, day) for day in range(WEEKDAYS)]


def vocabulary(counts: Mapping[str, int]) -> IdMap:
    """Return the names of all traits: those of ages and times, and the most frequent of the others up to 127 in all.

    Args:
        counts: Name -> how often it was seen; of equally frequent ones the first name is kept.
    """
    fixed = [*_AGES, *_HOURS, *_WEEKDAYS]
    others = sorted(counts, key=lambda name: (-counts[name], name))
    return IdMap.of([*fixed, *others[: MOST_TRAITS - len(fixed)]])


def situations(batch: pa.RecordBatch) -> list[pa.DictionaryArray]:
    """Return the names of device, shuffle and context [n] each, null where unknown or where the batch lacks them."""
    return [_names(batch, column).dictionary_encode() for column in c.SITUATION]


def _names(batch: pa.RecordBatch, column: str) -> pa.Array:
    if column not in batch.schema.names:
        return pa.nulls(len(batch), pa.string())
    return pc.binary_join_element_wise(column, batch.column(column).cast(pa.string()), "=")


def encoded(batches: Sequence[list[pa.DictionaryArray]]) -> tuple[Codes | None, IdMap]:
    """Return the situations of all batches as codes [n, 3], None where nothing is known, and the vocabulary."""
    columns = [pa.chunked_array(chunks).unify_dictionaries() for chunks in zip(*batches, strict=True)]
    rows = [
        np.concatenate([pc.fill_null(chunk.indices, NO_ROW).to_numpy() for chunk in column.chunks])
        for column in columns
    ]
    names = [column.chunk(0).dictionary.to_pylist() for column in columns]
    counts: dict[str, int] = {}
    for known, of_column in zip(names, rows, strict=True):
        numbers = np.bincount(of_column[of_column >= 0], minlength=len(known))
        counts |= dict(zip(known, numbers.tolist(), strict=True))
    traits = vocabulary(counts)
    if not counts:
        return None, traits
    return np.stack([_looked_up(traits, *each) for each in zip(names, rows, strict=True)], axis=1), traits


def unknown(num_queries: int) -> Codes:
    """Return traits [n, 6] of which nothing is known."""
    return np.full((num_queries, len(TRAITS)), NO_ROW, np.int8)


def age_codes(birth_years: Rows, seconds: Int64s, traits: IdMap) -> Codes:
    """Return the decade of age [n] of people born in a year [n] at moments [n], -1 where the year is missing or absurd."""
    years = seconds.astype("datetime64[s]").astype("datetime64[Y]").astype(np.int64) + 1970
    decades = (years - birth_years) // 10
    plausible = (birth_years != UNKNOWN_YEAR) & (decades >= 0) & (decades < DECADES)
    return _looked_up(traits, _AGES, np.where(plausible, decades, NO_ROW))


def time_codes(seconds: Int64s, traits: IdMap) -> Codes:
    """Return the UTC hour and the weekday of moments [n] as codes [n, 2]."""
    hours = seconds // SECONDS_PER_HOUR % HOURS
    weekdays = (seconds // SECONDS_PER_DAY + MONDAY) % WEEKDAYS
    return np.stack([_looked_up(traits, _HOURS, hours), _looked_up(traits, _WEEKDAYS, weekdays)], axis=1)


def _looked_up(traits: IdMap, names: Sequence[str], numbers: npt.NDArray[np.integer]) -> Codes:
    """Return the codes of the names at places [n], -1 where a place is -1 or the vocabulary lacks the name."""
    rows = np.append(traits.rows(names), NO_ROW).astype(np.int8)
    return np.asarray(rows[numbers])
