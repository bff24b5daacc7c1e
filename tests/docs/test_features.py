"""docs/features.md shows the features as they are defined."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from crossfade.features.definitions import STORED, Feature
from crossfade.features.ranking_definitions import RANKING
from crossfade.schema.columns import RANKING_FEATURES

PAGE: Final = (Path(__file__).parents[2] / "docs" / "features.md").read_text("utf-8")


def stored_table(features: Sequence[Feature]) -> str:
    lines = [
        "| feature | keys | type | window | freshness | owner | meaning |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in features:
        keys = ", ".join(each.entity.keys)
        cells = (
            f"`{each.name}`",
            keys,
            each.kind,
            each.window,
            f"{each.freshness_hours} h",
            each.owner,
            each.description,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def ranking_table(features: Sequence[Feature]) -> str:
    lines = ["| feature | of | window | owner | from stored | meaning |", "|---|---|---|---|---|---|"]
    for each in features:
        inputs = (each.name,) if each.is_stored else each.inputs
        named = ", ".join(f"`{name}`" for name in inputs)
        cells = (f"`{each.name}`", each.entity.name, each.window, each.owner, named, each.description)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def test_stored_features_are_shown_as_they_are_defined() -> None:
    expected = stored_table(STORED)
    assert expected in PAGE, f"renew the table of stored features in docs/features.md:\n\n{expected}\n"


def test_ranking_features_are_shown_as_they_are_defined() -> None:
    expected = ranking_table(RANKING)
    assert expected in PAGE, f"renew the table of ranking features in docs/features.md:\n\n{expected}\n"
    assert f"The first {len(RANKING_FEATURES)} rank every surface" in PAGE
