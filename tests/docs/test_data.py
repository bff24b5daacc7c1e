"""docs/data.md shows the canonical tables, sources and settings as the code has them."""

from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.types as pt
import pytest

from crossfade.schema.settings import default_settings
from crossfade.schema.tables import TABLES, Table
from crossfade.sources.casts import is_list
from crossfade.sources.guide import GUIDES, switched_off
from crossfade.sources.registry import SOURCES

PAGE: Final = (Path(__file__).parents[2] / "docs" / "data.md").read_text("utf-8")
WORDS: Final = (
    (pt.is_string, "text"),
    (pt.is_timestamp, "timestamp"),
    (pt.is_date, "date"),
    (pt.is_integer, "whole number"),
    (pt.is_floating, "number"),
    (pt.is_boolean, "true or false"),
)


def type_word(kind: pa.DataType) -> str:
    if is_list(kind):
        return f"list of {type_word(kind.value_type)}"
    return next(word for fits, word in WORDS if fits(kind))


def shown(table: Table) -> str:
    """Return the Markdown table of a canonical table."""
    lines = ["| column | type | meaning | without it |", "|---|---|---|---|"]
    for field in table.schema:
        guide = GUIDES[table.name][field.name]
        name = f"**`{field.name}`**" if field.name in table.required else f"`{field.name}`"
        without = "required" if field.name in table.required else guide.without
        lines.append(f"| {name} | {type_word(field.type)} | {guide.meaning} | {without} |")
    return "\n".join(lines)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_canonical_table_is_shown_as_the_code_has_it(table: Table) -> None:
    assert list(GUIDES[table.name]) == table.schema.names
    expected = shown(table)
    assert expected in PAGE, f"renew the table of {table.name} in docs/data.md:\n\n{expected}\n"


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_is_shown_with_what_it_fills(name: str) -> None:
    source = SOURCES[name]
    endings = ", ".join(f"`{ending}`" for ending in source.endings)
    line = f"| `{name}` | {source.summary} | {endings} | {', '.join(table.name for table in source.tables)} |"
    assert line in PAGE, f"renew the line of {name} in docs/data.md:\n\n{line}\n"


def test_settings_are_quoted_with_their_defaults() -> None:
    lake = default_settings().lake.model_dump()
    for name in (
        "session_gap_minutes",
        "positive_ms",
        "early_skip_ms",
        "late_skip_ms",
        "future_tolerance_minutes",
    ):
        assert f"`lake.{name}` ({lake[name]:,})" in PAGE


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_only_optional_columns_have_something_to_lose(table: Table) -> None:
    for name, guide in GUIDES[table.name].items():
        assert bool(guide.without) is (name not in table.required), name


def test_either_length_of_a_play_is_enough() -> None:
    there = {"timestamp", "session_id", "played_share"}
    assert list(switched_off("events", there)) == []
    lost = list(switched_off("events", there - {"played_share"}))
    assert [sentence.split(":")[0] for sentence in lost] == [
        "events have no played_ms",
        "events have no played_share",
    ]
