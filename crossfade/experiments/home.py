"""Home's modules in order: content types as the listener mixes them, and within a type as a bandit orders them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
import pydantic
import yaml
from pydantic import Field

from crossfade.experiments.bandits import Arms, Bandit, Doubles, bandit_of
from crossfade.schema.errors import InputError, NotFoundError
from crossfade.schema.section import Positive, Share
from crossfade.schema.tables import Surface

MUSIC, PODCAST, AUDIOBOOK = CONTENT_TYPES = ("music", "podcast", "audiobook")
# What a context holds: a constant, the hour on a circle, the weekend, the mix, and how far down the module stood.
DIM: Final = 7
WEEKEND: Final = 5  # Saturday is day 5 of the week, Sunday day 6

Text = Annotated[str, Field(min_length=1)]
ContentType = Literal["music", "podcast", "audiobook"]


class Module(pydantic.BaseModel):
    """One module of the first screen; a music module names the surface whose slate fills it."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    module: Text
    content_type: ContentType
    surface: Surface | None = None


class Home(pydantic.BaseModel):
    """The modules and how they are ordered; `home.yaml` beside this file is the manual of these keys."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    bandit: Literal["linucb", "thompson"]
    alpha: Annotated[float, Field(ge=0)]
    explore: Share
    width: Positive
    ridge: Positive
    half_life_days: Positive
    feedback_hours: Positive
    prior_plays: Positive
    usual_mix: dict[str, Share]
    modules: Annotated[tuple[Module, ...], Field(min_length=1)]

    @property
    def orders(self) -> Bandit:
        """Return the bandit."""
        return bandit_of(self.bandit, alpha=self.alpha, explore=self.explore, width=self.width)

    @property
    def unknown(self) -> Arms:
        """Return arms of which nothing is known, one for each module."""
        return Arms.unknown([each.module for each in self.modules], DIM, self.ridge)

    def mix(self, plays: Mapping[str, float]) -> dict[str, float]:
        """Return the listener's share of each content type, from plays by type, drawn to the usual mix."""
        total = sum(plays.get(kind, 0.0) for kind in CONTENT_TYPES) + self.prior_plays
        return {
            kind: (plays.get(kind, 0.0) + self.prior_plays * self.usual_mix.get(kind, 0.0)) / total
            for kind in CONTENT_TYPES
        }


@dataclass(frozen=True)
class Shown:
    """One module on a screen, and the probability that it stands at its place."""

    module: Module
    propensity: float


def load_home(path: Path | None = None) -> Home:
    """Read a file of modules, or the default one.

    Raises:
        NotFoundError: There is no such file.
        InputError: Names file, key and value.
    """
    place = "home.yaml" if path is None else str(path)
    try:
        text = _default() if path is None else path.read_text("utf-8")
        home = Home.model_validate(yaml.safe_load(text))
    except FileNotFoundError as error:
        raise NotFoundError(f"File of modules {path} does not exist.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{place} is not YAML: {error}.") from error
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{place}: {'.'.join(map(str, first['loc']))}={first['input']!r}: {first['msg']}."
        ) from error
    if strange := sorted(set(home.usual_mix) - set(CONTENT_TYPES)):
        raise InputError(f"{place}: usual_mix.{strange[0]}: content types are {', '.join(CONTENT_TYPES)}.")
    names = [each.module for each in home.modules]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise InputError(f"{place}: module={repeated[0]!r} is named twice; modules need names of their own.")
    return home


def _default() -> str:
    return files("crossfade.experiments").joinpath("home.yaml").read_text("utf-8")


def context_of(moment: datetime, mix: Mapping[str, float]) -> Doubles:
    """Return what a screen's order may depend on, [7] float64, for a module at the top."""
    angle = 2 * math.pi * (moment.hour + moment.minute / 60) / 24
    is_weekend = float(moment.weekday() >= WEEKEND)
    return np.array([1.0, math.sin(angle), math.cos(angle), is_weekend, mix[PODCAST], mix[AUDIOBOOK], 0.0])


def at_position(context: Sequence[float], position: int) -> list[float]:
    """Return the context of a module that stood further down: what is seen less is opened less."""
    return [*context[:-1], math.log2(1 + position)]


def ordered(home: Home, arms: Arms, context: Doubles, mix: Mapping[str, float], *, key: str) -> list[Shown]:
    """Order all modules for one screen.

    Args:
        home: The modules; those that `arms` does not know are taken as unknown.
        arms: What was learnt.
        context: Of `context_of`.
        mix: The listener's share of each content type.
        key: Of the draws, such as the slate's id.
    """
    known = _for(home, arms)
    by_type: dict[str, list[Shown]] = {}
    for kind in CONTENT_TYPES:
        among = np.array([i for i, each in enumerate(home.modules) if each.content_type == kind], np.int32)
        order, chances = home.orders.order(known, context, among, key)
        by_type[kind] = [Shown(home.modules[i], float(p)) for i, p in zip(order, chances, strict=True)]
    return [by_type[kind].pop(0) for kind in slots(mix, {kind: len(each) for kind, each in by_type.items()})]


def slots(mix: Mapping[str, float], available: Mapping[str, int]) -> list[str]:
    """Return the content type of each place, so that every beginning of the screen is as near to the mix as it can be.

    The next place goes to the type that lacks most of its share so far (largest remainders); of equal ones to the first.
    """
    left = dict(available)
    chosen: list[str] = []
    for place in range(1, sum(available.values()) + 1):
        open_types = [kind for kind in CONTENT_TYPES if left.get(kind, 0)]
        kind = max(open_types, key=lambda each: mix.get(each, 0.0) * place - chosen.count(each))
        left[kind] -= 1
        chosen.append(kind)
    return chosen


def _for(home: Home, arms: Arms) -> Arms:
    """Return the arms in the order of the modules; a module that is new is unknown."""
    known, fresh = {name: i for i, name in enumerate(arms.names)}, home.unknown
    gram, rewards = fresh.gram.copy(), fresh.rewards.copy()
    for place, name in enumerate(fresh.names):
        if name in known:
            gram[place], rewards[place] = arms.gram[known[name]], arms.rewards[known[name]]
    return Arms(fresh.names, gram, rewards)


def arms_as_json(arms: Arms, learnt_at: int) -> dict[str, Any]:
    """Return what `arms_of` reads back."""
    told = {
        name: {"gram": gram.tolist(), "rewards": rewards.tolist()}
        for name, gram, rewards in zip(arms.names, arms.gram, arms.rewards, strict=True)
    }
    return {"dim": DIM, "learnt_at": learnt_at, "arms": told}


def arms_of(values: Any, place: str) -> Arms:
    """Read arms from JSON values.

    Raises:
        InputError: They are none, or of contexts of another length.
    """
    try:
        told = values["arms"]
        gram = np.array([each["gram"] for each in told.values()], np.float64).reshape(-1, DIM, DIM)
        rewards = np.array([each["rewards"] for each in told.values()], np.float64).reshape(-1, DIM)
        return Arms(tuple(told), gram, rewards)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{place} holds no arms of {DIM} numbers: {error}; learn them again.") from error
