"""Great Expectations judges figures: a suite becomes GE expectations over a frame of one row."""

import os
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from crossfade.quality.expected import Expected
from crossfade.quality.report import ExpectationResult
from crossfade.schema.errors import MissingExtraError

_COLUMNS_FIRST = "Put the table's columns right first; then this can be checked."


def judge(table: str, suite: Sequence[Expected], figures: Mapping[str, Any]) -> list[ExpectationResult]:
    """Hold figures against a suite.

    Args:
        table: For example "silver/events".
        suite: What is expected.
        figures: By name; None passes (there was nothing to look at), a missing one cannot be checked.

    Returns:
        One result for each expectation, in the suite's order.

    Raises:
        MissingExtraError: Great Expectations is not installed.
    """
    gx = import_gx()
    import pandas as pd

    frame = pd.DataFrame({name: pd.Series([value]) for name, value in figures.items()})
    batch = _figures().get_batch({"dataframe": frame})
    expectations = [_expectation(gx, number, expected) for number, expected in enumerate(suite)]
    asked = gx.ExpectationSuite(name=table, expectations=expectations)
    found = batch.validate(asked, result_format="BOOLEAN_ONLY")  # what was observed is known already
    outcomes = {outcome.expectation_config.meta["number"]: outcome for outcome in found.results}
    return [
        _result(table, expected, figures.get(expected.figure), outcomes[number])
        for number, expected in enumerate(suite)
    ]


@cache
def _figures() -> Any:
    """Define batches of figures, in a context that is quiet, calls nobody and keeps nothing on disk."""
    gx = import_gx()
    types = gx.data_context.types.base
    config = types.DataContextConfig(
        store_backend_defaults=types.InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=types.ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    asset = context.data_sources.add_pandas("lake").add_dataframe_asset("figures")
    return asset.add_batch_definition_whole_dataframe("figures")


def _expectation(gx: Any, number: int, expected: Expected) -> Any:
    about = {"column": expected.figure, "meta": {"number": number}}
    if expected.only:
        return gx.expectations.ExpectColumnValuesToBeInSet(value_set=list(expected.only), **about)
    return gx.expectations.ExpectColumnValuesToBeBetween(
        min_value=expected.at_least, max_value=expected.at_most, **about
    )


def _result(table: str, expected: Expected, observed: Any, outcome: Any) -> ExpectationResult:
    raised = _raised(outcome.exception_info)
    return ExpectationResult(
        name=expected.name,
        table=table,
        column=expected.column,
        observed=observed,
        limit=expected.limit,
        passed=bool(outcome.success),
        raised=raised,
        mend=expected.mend if raised is None else _COLUMNS_FIRST,
    )


def _raised(exception_info: Mapping[str, Any]) -> str | None:
    """Return the first message of what raised: GE counts it as failed, but nothing was checked."""
    # One that raised has an entry for each metric, one that did not is an entry itself.
    entries = [exception_info] if "raised_exception" in exception_info else list(exception_info.values())
    raised = [str(entry["exception_message"]) for entry in entries if entry["raised_exception"]]
    return raised[0].strip().splitlines()[0] if raised else None


def import_gx() -> Any:
    """Import Great Expectations, which then calls nobody.

    Raises:
        MissingExtraError: It is not installed.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read while it is imported
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own dependencies (google-api-core)
            import great_expectations as gx
    except ImportError as error:
        raise MissingExtraError("great_expectations", "quality") from error
    return gx
