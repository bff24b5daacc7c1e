"""Cells become series of whole days; rare categories stand together, and what the reference does not know stands out."""

from datetime import date

import numpy as np

from monitoring.drift.measures import Kind, Measure
from monitoring.drift.series import (
    NEW,
    REST,
    Cell,
    Series,
    days_from,
    joined,
    one_category,
    series_of,
    unseen,
    weekdays,
)

MIX = Measure("genres", Kind.MIX, "")
MONDAY = date(2026, 1, 5)


def test_days_without_a_cell_count_nothing() -> None:
    cells = [Cell(date(2026, 1, 7), "everybody", "rock", 3), Cell(MONDAY, "everybody", "jazz", 1)]
    cells.append(Cell(date(2026, 2, 1), "everybody", "rock", 9))  # of no day that was asked for
    (series,) = series_of(MIX, cells, days_from(MONDAY, 3))
    assert (series.group, series.bins) == ("everybody", ("jazz", "rock"))
    assert series.counts.tolist() == [[1, 0], [0, 0], [0, 3]]
    assert weekdays(days_from(MONDAY, 3)).tolist() == [0, 1, 2]


def test_numbers_and_rates_have_all_their_bins() -> None:
    number = Measure("age", Kind.NUMBER, "", (1.0, 2.0))
    (series,) = series_of(number, [Cell(MONDAY, "everybody", 2, 5)], [MONDAY])
    assert series.counts.tolist() == [[0, 0, 5]]
    (rate,) = series_of(Measure("skips", Kind.RATE, ""), [Cell(MONDAY, "everybody", True, 2)], [MONDAY])
    assert rate.counts.tolist() == [[0, 2]]


def test_a_mix_is_settled_on_what_the_reference_knows() -> None:
    counts = np.array([[990, 4, 0], [990, 4, 0], [500, 4, 300]], float)
    settled = Series(MIX, "everybody", ("rock", "rare", "risen"), counts).settled(2)
    assert settled.bins == ("rock", REST, NEW)
    assert settled.counts.tolist() == [[990, 4, 0], [990, 4, 0], [500, 4, 300]]


def test_counts_of_two_reads_stand_after_each_other() -> None:
    before = {("genres", "everybody"): Series(MIX, "everybody", ("jazz",), np.array([[1.0], [2.0]]))}
    after = {
        ("genres", "everybody"): Series(MIX, "everybody", ("rock",), np.array([[5.0]])),
        ("genres", "country SE"): Series(MIX, "country SE", ("rock",), np.array([[7.0]])),
    }
    alone, everybody = joined(before, after)
    assert everybody.bins == ("jazz", "rock")
    assert everybody.counts.tolist() == [[1, 0], [2, 0], [0, 5]]
    assert alone.counts.tolist() == [[0], [0], [7]]


def test_what_was_never_there_is_counted_against_other_weeks() -> None:
    # "once" was there in the first week alone, so that week is asked by one that lacks it; "new" only after the reference.
    counts = np.zeros((15, 3))
    counts[:, 0] = 9
    counts[0, 1], counts[14, 1], counts[14, 2] = 1, 1, 4
    found = unseen(Series(MIX, "everybody", ("rock", "once", "new"), counts), 14)
    assert (found.measure.name, found.bins) == ("genres_unseen", ("False", "True"))
    assert found.counts[0].tolist() == [9, 1]
    assert found.counts[1].tolist() == [9, 0]
    assert found.counts[14].tolist() == [10, 4]


def test_one_category_leaves_out_what_the_reference_lacks() -> None:
    counts = np.array([[90, 10, 0]] * 14 + [[45, 5, 50]], float)
    found = one_category(Series(MIX, "country BR", ("rock", "jazz", "new"), counts).settled(14))
    assert (found.measure.name, found.measure.kind, found.group) == ("genres_share", Kind.SHARE, "country BR")
    assert found.bins == ("rock", "jazz", "(rest)")
    assert found.counts[14].tolist() == [45, 5, 0]  # half of it is new, and the rest as it was
