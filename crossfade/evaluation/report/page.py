"""The page that all reports are: one self-contained HTML file of cards and sections."""

from collections.abc import Mapping, Sequence
from importlib.resources import files

from crossfade.evaluation.report.blocks import Card, Section
from crossfade.schema.errors import MissingExtraError


def page(
    title: str, facts: Mapping[str, str], cards: Sequence[Card], sections: Sequence[Section], *, footnote: str
) -> bytes:
    """Return a page; equal parts give equal bytes.

    Args:
        title: Heading.
        facts: Name -> value, below it.
        cards: Key figures.
        sections: In the order of the page.
        footnote: What intervals are.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise MissingExtraError("jinja2", "report") from error
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    here = files("crossfade.evaluation.report")
    text = environment.from_string(here.joinpath("template.html").read_text("utf-8")).render(
        title=title,
        facts=list(facts.items()),
        style=here.joinpath("style.css").read_text("utf-8"),
        cards=cards,
        sections=sections,
        footnote=footnote,
    )
    return text.encode()
