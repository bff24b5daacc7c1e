"""The report shows what it is given, says what is missing, and needs nothing from elsewhere."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from crossfade.evaluation.decision import Check, Decision, Outcome, Verdict
from crossfade.evaluation.gate import decide
from crossfade.evaluation.report.blocks import duration
from crossfade.evaluation.report.inputs import (
    Curve,
    Expectation,
    Place,
    Playlist,
    ReportInputs,
    Step,
    Volume,
)
from crossfade.evaluation.report.write import write_report
from crossfade.evaluation.suite import Suite
from crossfade.schema.errors import MissingExtraError
from tests.evaluation import worlds

VOID = {"meta", "br", "img", "path", "use", "rect"}


class _Page(HTMLParser):
    """Checks that tags close in order, and keeps ids, links and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _suite() -> Suite:
    rng = np.random.default_rng(0)
    relevant = rng.random(60)
    names = (
        "recall",
        "ndcg",
        "hit_rate",
        "precision",
        "recall_cold",
        "recall_tail",
        "recall_head",
        "diversity",
    )
    systems = {
        name: worlds.evaluation(
            name,
            dict.fromkeys(names, relevant * quality),
            bundle="3f9ac41be02d7781" if name == "recommender" else "",
            cohorts={"new": relevant < 0.5, "heavy": np.zeros(60), "country_SE": relevant > 0.2},
        )
        for name, quality in (("popularity", 0.2), ("two_tower", 0.5), ("recommender", 0.7))
    }
    return Suite(systems, [0.2, 0.8], {"num_eligible": 70, "num_tracks": 1234, "start": 1, "end": 2})


def _inputs() -> ReportInputs:
    suite = _suite()
    gate = worlds.settings().gate
    places = [Place("Song <1> & more", "Ann's Band", "Two-tower", "Because you played Glass")]
    return ReportInputs(
        "Training of Monday",
        {"Bundle": "3f9ac41be02d7781"},
        [Volume("events", 1000, 900, 40, 60)],
        [Expectation("events", "user_id is never null", "3 of 900", holds=False)],
        [Curve("Two-tower: loss", [3.0, 2.0, 1.5], chosen=2), Curve("Empty", [])],
        suite,
        decide(suite.recommender, None, suite.systems["popularity"], gate),
        [Playlist("Heavy listener in SE", ["Glass by Ida"], places), Playlist("New listener", [], places)],
        [Step("train ranker", 75.4, 300 << 20), Step("publish", 0.0, status="reused")],
    )


def _written(inputs: ReportInputs, path: Path) -> str:
    write_report(inputs, path)
    return path.read_text("utf-8")


def test_everything_that_is_given_is_shown(tmp_path: Path) -> None:
    text = _written(_inputs(), tmp_path / "made" / "report.html")
    page = _Page(text)
    for shown in (
        "Training of Monday",
        "1,000 rows came in; 40 are in quarantine",
        "All counts add up.",
        "0 of 1 expectations hold.",
        "3 of 900",
        "60 test users",
        "All 1,234 tracks are ranked",
        "Whole recommender",
        "minus Popularity",
        "Two-tower alone",
        "The challenger is promoted.",
        "The first model beats popularity",
        "Played last: Glass by Ida",
        "Nothing played yet.",
        "Because you played Glass",
        "1 min 15 s, 300 MiB",
        "0.0 s, reused",
        "country SE",
        "Two-tower: loss",
    ):
        assert shown in page.text, shown
    suite = _suite()
    assert f"{suite.recommender.metrics['ndcg'].mean():.3f}" in page.text
    assert "handed to this report" not in page.text
    assert "heavy users" not in page.text  # nobody is heavy


def test_the_page_is_self_contained_and_its_names_are_unique(tmp_path: Path) -> None:
    text = _written(_inputs(), tmp_path / "report.html")
    page = _Page(text)
    assert all(link.startswith("#") for link in page.links)
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert not re.search(r"@import|url\((?!#)", text)
    sections = [name for name in page.ids if name.islower() and len(name) < 12]
    assert len(set(sections)) == len(sections)
    assert (
        text.count('role="img"') == text.count("<svg") == text.count("aria-label=") - 3
    )  # nav, two place columns


def test_names_are_escaped(tmp_path: Path) -> None:
    text = _written(_inputs(), tmp_path / "report.html")
    assert "Song &lt;1&gt; &amp; more" in text
    assert "Song <1>" not in text


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    page = _Page(_written(ReportInputs("Bare"), tmp_path / "report.html"))
    for said in (
        "No evaluation was handed",
        "No playlists were handed",
        "No gate decision was handed",
        "No counts of the lake were handed",
        "No validation result was handed",
        "No training curves were handed",
        "No timings were handed",
    ):
        assert said in page.text


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    assert _written(_inputs(), tmp_path / "one.html") == _written(_inputs(), tmp_path / "two.html")


def test_a_refusal_shows_what_refused_and_folds_the_rest(tmp_path: Path) -> None:
    checks = [
        Check(
            f"m{i}_score",
            "all",
            60,
            Verdict.WORSE if i < 9 else Verdict.HOLDS,
            0.1,
            0.2,
            -0.1,
            -0.2,
            -0.05,
            0.01,
        )
        for i in range(12)
    ]
    reasons = [f"reason {i}" for i in range(9)]
    decision = Decision(
        Outcome.REFUSE, reasons, [*checks, Check("ndcg", "new", 5, Verdict.MISSING)], "aaaa", "bbbb"
    )
    page = _Page(_written(ReportInputs("Refused", decision=decision), tmp_path / "report.html"))
    assert "Challenger aaaa against champion bbbb." in page.text
    assert "reason 5" in page.text
    assert "reason 6" not in page.text
    assert "... and 3 more in the table." in page.text
    assert "10 comparisons refuse" in page.text
    assert "Show the 3 comparisons that do not refuse" in page.text


def test_a_champion_that_could_not_be_compared_is_named(tmp_path: Path) -> None:
    decision = Decision(Outcome.REFUSE, ["It cannot be compared."], [], "aaaa", "", "cccc")
    page = _Page(_written(ReportInputs("Refused", decision=decision), tmp_path / "report.html"))
    assert "Challenger aaaa against champion cccc, of which nothing can be compared." in page.text


@pytest.mark.parametrize("counts", [(10, 8, 1, 0), (10, 10, 1, 0)])
def test_counts_that_do_not_add_up_are_said(tmp_path: Path, counts: tuple[int, int, int, int]) -> None:
    inputs = ReportInputs("Lost rows", volumes=[Volume("events", *counts)])
    assert "Some counts do not add up." in _written(inputs, tmp_path / "report.html")


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_a_missing_library_names_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"{package} is needed here.*crossfade\[report\]"):
        write_report(_inputs(), tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (75.4, "1 min 15 s"), (3725, "1 h 02 min")]
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
