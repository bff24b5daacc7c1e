"""What a validation found: as values, as one readable message, as JSON and as a page."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Final

from crossfade.schema.durable import replace_file
from crossfade.schema.errors import ValidationError

Figure = float | int | str | None


@dataclass(frozen=True)
class ExpectationResult:
    """One expectation against what was found.

    Args:
        name: What is expected, in words.
        table: For example "silver/events".
        column: The column it is about, None for the table as a whole.
        observed: What was found; None where there was nothing to look at.
        limit: What is allowed, in words.
        passed: Whether it holds; false as well when it could not be checked.
        raised: Why it could not be checked, None when it could.
        mend: What to do when it does not hold.
        examples: A few rows that break it, by their keys; empty where it holds or is about the table as a whole.
    """

    name: str
    table: str
    column: str | None
    observed: Figure
    limit: str
    passed: bool
    raised: str | None
    mend: str
    examples: str = ""


@dataclass(frozen=True)
class ValidationReport:
    """All expectations of one validation.

    Args:
        results: One for each expectation.
        lake: The lake's path.
        lake_versions: The table versions that were looked at.
        num_rows: Rows of each table.
        checked_at: ISO 8601 in UTC.
    """

    results: list[ExpectationResult]
    lake: str
    lake_versions: dict[str, int]
    num_rows: dict[str, int]
    checked_at: str

    @property
    def passed(self) -> bool:
        """Whether every expectation holds."""
        return all(result.passed for result in self.results)

    @property
    def failures(self) -> list[ExpectationResult]:
        """What does not hold, or could not be checked."""
        return [result for result in self.results if not result.passed]


def require_valid(report: ValidationReport) -> None:
    """Stop where an expectation does not hold.

    Raises:
        ValidationError: Lists what failed with what was found, what is allowed and what to do.
    """
    if not report.passed:
        lines = "\n".join(f"  {_line(failure)}" for failure in report.failures)
        raise ValidationError(
            f"The lake at {report.lake} breaks {len(report.failures)} of {len(report.results)} expectations:"
            f"\n{lines}"
        )


def write(report: ValidationReport, directory: Path) -> None:
    """Write `validation.json` and `validation.html`, a page that needs nothing else."""
    content = {"passed": report.passed, **asdict(report)}
    replace_file(directory / "validation.json", json.dumps(content, indent=2, ensure_ascii=False).encode())
    replace_file(directory / "validation.html", page(report).encode())


def page(report: ValidationReport) -> str:
    """Return the report as one HTML page."""
    failed = len(report.failures)
    verdict = (
        f"{failed} of {len(report.results)} expectations do not hold" if failed else "All expectations hold"
    )
    tables = "".join(
        _section(table, report) for table in dict.fromkeys(result.table for result in report.results)
    )
    return PAGE.format(
        style=STYLE,
        verdict=escape(verdict),
        state="bad" if failed else "good",
        about=escape(f"{report.lake}, checked {report.checked_at}"),
        tables=tables,
    )


def _line(failure: ExpectationResult) -> str:
    place = failure.table if failure.column is None else f"{failure.table}.{failure.column}"
    if failure.raised is not None:
        return f"{place}: {failure.name}: could not be checked: {failure.raised} {failure.mend}"
    return (
        f"{place}: {failure.name}: found {shown(failure.observed)}, allowed {failure.limit}."
        f"{_examples(failure)} {failure.mend}"
    )


def _examples(failure: ExpectationResult) -> str:
    return f" For example {failure.examples}." if failure.examples else ""


def shown(figure: Figure) -> str:
    """Return a figure for people: shares and seconds with four digits, counts whole."""
    if isinstance(figure, float):
        return f"{figure:,.0f}" if figure.is_integer() else f"{figure:,.4g}"
    return f"{figure:,}" if isinstance(figure, int) else str("nothing" if figure is None else figure)


def _section(table: str, report: ValidationReport) -> str:
    results = [result for result in report.results if result.table == table]
    rows = "".join(_row(result) for result in sorted(results, key=lambda result: result.passed))
    version = report.lake_versions.get(table)
    about = ", ".join(
        text
        for text in (
            f"{report.num_rows[table]:,} rows" if table in report.num_rows else "",
            "" if version is None else f"version {version}",
        )
        if text
    )
    return (
        f"<h2>{escape(table)} <small>{escape(about)}</small></h2><table><tr><th></th><th>Column</th>"
        f"<th>Expected</th><th>Found</th><th>Allowed</th><th>What to do</th></tr>{rows}</table>"
    )


def _row(result: ExpectationResult) -> str:
    state, mark = (
        ("good", "holds") if result.passed else ("bad", "fails" if result.raised is None else "unchecked")
    )
    found = shown(result.observed) + ("." + _examples(result) if result.examples else "")
    found = found if result.raised is None else result.raised
    cells: Sequence[str] = (
        result.column or "",
        result.name,
        found,
        result.limit,
        "" if result.passed else result.mend,
    )
    return (
        f'<tr class="{state}"><td>{mark}</td>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
    )


STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1d2330}"
    "h1{margin-bottom:0}h2{margin:2rem 0 .4rem}small{color:#667;font-weight:normal}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;vertical-align:top;"
    "border-bottom:1px solid #e3e6ec}td:first-child{font-weight:600;white-space:nowrap}"
    ".good td:first-child,h1.good{color:#1a7f4b}.bad td:first-child,h1.bad{color:#b3261e}"
    "tr.bad{background:#fdf1f0}"
)

PAGE: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Validation of the lake</title>'
    "<style>{style}</style></head><body><h1 class='{state}'>{verdict}</h1><p><small>{about}</small></p>"
    "{tables}</body></html>\n"
)
