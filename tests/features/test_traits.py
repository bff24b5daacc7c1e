"""Ages, times and situations become codes of one vocabulary."""

import numpy as np
import pyarrow as pa

from crossfade.features.traits import (
    MOST_TRAITS,
    UNKNOWN_YEAR,
    age_codes,
    encoded,
    situations,
    time_codes,
    trait,
    unknown,
    vocabulary,
)
from crossfade.schema import columns as c
from crossfade.schema.ids import IdMap


def moment(text: str) -> int:
    return int(np.datetime64(text, "s").astype(np.int64))


def names(traits: IdMap, codes: np.ndarray) -> list[str | None]:
    return traits.names(codes.ravel().astype(np.int32))


def batch(**columns: list[object]) -> pa.RecordBatch:
    kinds = {c.DEVICE: pa.string(), c.SHUFFLE: pa.bool_(), c.CONTEXT: pa.string()}
    return pa.RecordBatch.from_pydict({name: pa.array(of, kinds[name]) for name, of in columns.items()})


def test_the_vocabulary_holds_times_ages_and_the_most_frequent_others() -> None:
    traits = vocabulary({f"device=d{i:03}": 1000 - i // 2 for i in range(300)})
    assert len(traits) == MOST_TRAITS == 127
    # 10 decades, 24 hours and 7 weekdays leave 86; of equally frequent ones the first name is kept.
    assert (traits.rows([f"device=d{i:03}" for i in range(86)]) >= 0).all()
    assert (traits.rows([f"device=d{i:03}" for i in range(86, 300)]) == -1).all()
    assert len(vocabulary({})) == 41


def test_ages_are_decades_at_the_moment_and_absurd_ones_unknown() -> None:
    traits = vocabulary({})
    born = np.array([1990, 1990, 1815, 2030, UNKNOWN_YEAR], np.int32)
    days = ["2019-12-31", "2020-01-01", "2020-01-01", "2020-01-01", "2020-01-01"]
    codes = age_codes(born, np.array([moment(day) for day in days]), traits)
    assert names(traits, codes) == ["age=20", "age=30", None, None, None]


def test_times_are_utc_hours_and_weekdays_from_monday() -> None:
    traits = vocabulary({})
    codes = time_codes(
        np.array([moment("2026-03-02T00:59:59"), moment("2026-03-08T23:00:00"), 0]), traits
    )  # a Monday, a Sunday, and the first day of 1970, a Thursday
    assert codes.dtype == np.int8
    assert names(traits, codes) == ["hour=0", "weekday=0", "hour=23", "weekday=6", "hour=0", "weekday=3"]


def test_situations_share_one_vocabulary_over_all_batches() -> None:
    first = batch(device=["phone", None], shuffle=[True, False], context=["commute", None])
    second = batch(device=["car", "phone"], shuffle=[None, True])  # a lake from before contexts were kept
    codes, traits = encoded([situations(first), situations(second)])
    assert codes is not None
    assert names(traits, codes[0]) == ["device=phone", trait(c.SHUFFLE, True), "context=commute"]
    assert names(traits, codes[1]) == [None, "shuffle=false", None]
    assert names(traits, codes[2]) == ["device=car", None, None]
    assert names(traits, codes[3]) == ["device=phone", "shuffle=true", None]


def test_rare_situations_beyond_the_vocabulary_are_unknown() -> None:
    devices: list[object] = [f"d{i:03}" for i in range(100)]
    codes, traits = encoded([situations(batch(device=[*devices, "d099"]))])
    assert codes is not None
    assert (codes[:, 0] >= 0).sum() == 87  # d000 to d084, and d099 twice
    assert names(traits, codes[-1:, 0]) == ["device=d099"]


def test_where_nothing_is_known_there_are_no_codes() -> None:
    codes, traits = encoded([situations(batch(device=[None])), situations(batch(context=[None]))])
    assert codes is None
    assert len(traits) == 41
    assert unknown(2).tolist() == [[-1] * 6] * 2
