"""The canonical tables and the ranking features hold together."""

from crossfade.schema import columns
from crossfade.schema.tables import TABLES


def test_required_columns_and_alias_targets_exist() -> None:
    for table in TABLES.values():
        assert set(table.required) <= set(table.schema.names)
        assert set(table.aliases.values()) <= set(table.schema.names)


def test_every_source_has_a_score_and_a_rank_among_distinct_features() -> None:
    assert len(set(columns.RANKING_FEATURES)) == len(columns.RANKING_FEATURES)
    for source in columns.RETRIEVAL_SOURCES:
        assert {f"{source}_score", f"{source}_rank"} <= set(columns.RANKING_FEATURES)
