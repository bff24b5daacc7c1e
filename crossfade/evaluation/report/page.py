"""Draws a page of sections as one self-contained HTML file."""

from collections.abc import Mapping, Sequence
from importlib.resources import files

from crossfade.evaluation.report.blocks import Card, Section
from crossfade.schema.errors import MissingExtraError


def page(
    title: str, facts: Mapping[str, str], cards: Sequence[Card], sections: Sequence[Section], footer: str
) -> str:
    """Return the page as HTML.

    Args:
        title: Its heading.
        facts: Name -> value of what identifies it.
        cards: Key figures on top.
        sections: In order.
        footer: One sentence on how figures are to be read.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise MissingExtraError("jinja2", "report") from error
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    here = files("crossfade.evaluation.report")
    return environment.from_string(here.joinpath("template.html").read_text("utf-8")).render(
        title=title,
        facts=list(facts.items()),
        style=here.joinpath("style.css").read_text("utf-8"),
        cards=cards,
        sections=sections,
        footer=footer,
    )
