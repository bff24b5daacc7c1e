"""Home's modules: content types as the listener mixes them, learnt from what was opened, late or not at all."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from crossfade.experiments.bandits import Arms
from crossfade.experiments.home import (
    DIM,
    Home,
    Module,
    arms_as_json,
    arms_of,
    at_position,
    context_of,
    load_home,
    ordered,
    slots,
)
from crossfade.experiments.home_log import learnt_from, opened_line, shown_lines
from crossfade.schema.errors import InputError, NotFoundError

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)  # a Friday
HOUR = 3600
HOME = load_home()
USUAL = HOME.mix({})


def screen(home: Home, arms: Arms, key: str = "k", **plays: float) -> list[str]:
    mix = home.mix(plays)
    return [each.module.module for each in ordered(home, arms, context_of(NOON, mix), mix, key=key)]


def types(home: Home, modules: list[str]) -> list[str]:
    kinds = {each.module: each.content_type for each in home.modules}
    return [kinds[module] for module in modules]


def test_places_go_to_the_type_that_lacks_most() -> None:
    # Shares of 1/2 and 1/4: after one of each kind of lack the order repeats.
    mix = {"music": 0.5, "podcast": 0.25, "audiobook": 0.25}
    assert slots(mix, {"music": 2, "podcast": 1, "audiobook": 1}) == [
        "music",
        "podcast",
        "audiobook",
        "music",
    ]
    assert slots(mix, {"music": 0, "podcast": 2, "audiobook": 0}) == ["podcast"] * 2
    assert slots(mix, {}) == []


def test_the_screen_follows_the_listener_s_own_mix() -> None:
    arms = HOME.unknown
    assert set(types(HOME, screen(HOME, arms, music=1000))[:4]) == {"music"}
    assert types(HOME, screen(HOME, arms, podcast=1000))[:2] == ["podcast", "podcast"]
    assert types(HOME, screen(HOME, arms, audiobook=1000))[0] == "audiobook"
    # A few plays against the 20 that the usual mix counts as: 0.8 of 20 are music, 4 plays more are podcasts.
    assert HOME.mix({"podcast": 5})["podcast"] == pytest.approx((5 + 3) / 25)
    assert sum(HOME.mix({"podcast": 5}).values()) == pytest.approx(1)


def test_a_screen_holds_every_module_once_with_a_chance_that_is_true() -> None:
    arms, seen, told = HOME.unknown, Counter[tuple[str, int]](), {}
    context = context_of(NOON, USUAL)
    for i in range(1500):
        shown = ordered(HOME, arms, context, USUAL, key=f"k{i}")
        assert sorted(each.module.module for each in shown) == sorted(each.module for each in HOME.modules)
        for position, each in enumerate(shown):
            seen[each.module.module, position] += 1
            told[each.module.module, position] = each.propensity
    for key, chance in told.items():
        assert abs(seen[key] / 1500 - chance) < 4 * np.sqrt(chance * (1 - chance) / 1500) + 1e-3


def test_a_context_knows_hour_weekend_and_mix() -> None:
    six = context_of(NOON.replace(hour=6), USUAL)
    assert six.tolist() == pytest.approx([1, 1, 0, 0, USUAL["podcast"], USUAL["audiobook"], 0])
    assert context_of(NOON.replace(day=28), USUAL)[3] == 1
    assert at_position(six.tolist(), 3)[-1] == 2
    assert len(six) == DIM


def log(path: Path, openings: dict[str, float], screens: int = 300, seconds: int = 0) -> None:
    """Write screens whose modules are opened at these rates, whatever their place."""
    random, arms, context = np.random.default_rng(0), HOME.unknown, context_of(NOON, USUAL)
    with path.open("ab") as file:
        for i in range(screens):
            shown = ordered(HOME, arms, context, USUAL, key=f"{seconds} {i}")
            lines = shown_lines(f"s{seconds}-{i}", seconds, context.tolist(), shown)
            lines += [
                opened_line(f"s{seconds}-{i}", seconds + 60, each.module.module)
                for each in shown
                if random.random() < openings.get(each.module.module, 0.0)
            ]
            file.writelines(line + b"\n" for line in lines)


def test_what_is_opened_comes_first_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "modules.jsonl"
    log(path, {"new_releases": 0.6, "radio": 0.1, "podcasts_for_you": 0.3})
    arms, num_shown, refused = learnt_from(path, HOME, 48 * HOUR)
    assert (num_shown, refused) == (300 * len(HOME.modules), 0)
    firsts = Counter(screen(HOME, arms, f"k{i}", music=1000)[0] for i in range(100))
    assert firsts["new_releases"] > 95
    podcasts = Counter(screen(HOME, arms, f"k{i}", podcast=1000)[0] for i in range(100))
    assert podcasts["podcasts_for_you"] > podcasts["podcasts_to_go_on"]


def test_of_what_was_shown_just_now_only_openings_count(tmp_path: Path) -> None:
    path = tmp_path / "modules.jsonl"
    log(path, {"radio": 1.0}, screens=10, seconds=100 * HOUR)
    _, num_shown, _ = learnt_from(path, HOME, 101 * HOUR)
    assert num_shown == 10
    _, later, _ = learnt_from(path, HOME, 130 * HOUR)
    assert later == 10 * len(HOME.modules)


def test_an_opening_beyond_the_window_does_not_count_and_a_repeated_line_once(tmp_path: Path) -> None:
    path = tmp_path / "modules.jsonl"
    context = context_of(NOON, USUAL).tolist()
    lines = shown_lines("s", 0, context, ordered(HOME, HOME.unknown, np.array(context), USUAL, key="k")[:1])
    module = json.loads(lines[0])["module"]
    path.write_bytes(b"\n".join([*lines, *lines, opened_line("s", 25 * HOUR, module)]))
    arms, num_shown, _ = learnt_from(path, HOME, 50 * HOUR)
    assert num_shown == 1
    assert not arms.rewards.any()


def test_lines_that_make_no_sense_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "modules.jsonl"
    path.write_bytes(
        b'{\n[]\n{"event": "shown"}\n{"event": "shown", "slate_id": "s", "module": "m", "context": [1], "seconds": 1}\n'
    )
    assert learnt_from(path, HOME, 0)[1:] == (0, 4)
    with pytest.raises(NotFoundError, match=r"There is no log .*no\.jsonl"):
        learnt_from(tmp_path / "no.jsonl", HOME, 0)


def test_arms_round_trip_and_new_modules_are_unknown() -> None:
    arms = Arms.unknown(["radio"], DIM, 5.0)
    read = arms_of(json.loads(json.dumps(arms_as_json(arms, 7))), "home.json")
    np.testing.assert_array_equal(read.gram, arms.gram)
    assert len(screen(HOME, read)) == len(HOME.modules)
    for wrong in ({}, {"arms": 7}, {"arms": {"radio": {"gram": [1], "rewards": [1]}}}):
        with pytest.raises(InputError, match=r"home\.json holds no arms of 7 numbers"):
            arms_of(wrong, "home.json")


TEXT = "bandit: linucb\nalpha: 1\nexplore: 0.1\nwidth: 1\nridge: 1\nhalf_life_days: 1\nfeedback_hours: 1\nprior_plays: 1\n"
TEXT += "usual_mix: {music: 1}\nmodules: [{module: a, content_type: music}]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT.replace("linucb", "dice"), "bandit='dice'"),
        (TEXT.replace("content_type: music", "content_type: film"), r"modules\.0\.content_type='film'"),
        (TEXT.replace("[{", "[{module: a, content_type: podcast}, {"), "module='a' is named twice"),
        (TEXT.replace("modules: [{module: a, content_type: music}]", "modules: []"), "modules="),
        (
            TEXT.replace("{music: 1}", "{film: 1}"),
            r"usual_mix\.film: content types are music, podcast, audiobook",
        ),
        ("a: [", "is not YAML"),
    ],
)
def test_wrong_files_name_key_and_value(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "home.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=message):
        load_home(path)


def test_files_are_read_or_named(tmp_path: Path) -> None:
    path = tmp_path / "home.yaml"
    path.write_text(TEXT, "utf-8")
    assert load_home(path).modules == (Module(module="a", content_type="music"),)
    with pytest.raises(NotFoundError, match=r"no\.yaml does not exist"):
        load_home(tmp_path / "no.yaml")
