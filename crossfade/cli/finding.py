"""What `crossfade doctor` finds: a state, plain words, and what to do."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from crossfade.schema.errors import CrossfadeError

OK: Final = "ok"
NOTE: Final = "note"  # missing, but only something that is optional needs it
MISSING: Final = "missing"


class Finding(NamedTuple):
    """One thing that was looked at."""

    what: str
    state: str
    told: str
    mend: str = ""


Check = Callable[[], str]  # returns what is well, raises what is not


def looked_at(what: str, check: Check, mend: str) -> Finding:
    """Make a finding of a check: missing where it raises one of our errors."""
    try:
        return Finding(what, OK, check())
    except CrossfadeError as error:
        return Finding(what, MISSING, str(error), mend)


def lines(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the findings as people read them."""
    shown = list(findings)
    width = max(len(finding.what) for finding in shown)
    for finding in shown:
        yield f"{finding.state:<7}  {finding.what:<{width}}  {finding.told}"
        if finding.mend:
            yield f"{'':<7}  {'':<{width}}  -> {finding.mend}"
