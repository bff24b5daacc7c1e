"""Reads from a lake what the users of an experiment did, and what a planned one would meet."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from crossfade.experiments.days import Days
from crossfade.experiments.decision import Observations
from crossfade.experiments.metrics import moments
from crossfade.experiments.spec import Experiment
from crossfade.lake import participants
from crossfade.lake.days_since import days_since, picks_played
from crossfade.lake.engine import Engine
from crossfade.lake.engines import chosen_engine
from crossfade.lake.lake import GOLD, SILVER, Lake
from crossfade.lake.layout import GOLD_SCHEMAS, INTERACTIONS, SILVER_SCHEMAS
from crossfade.schema import columns as c
from crossfade.schema.errors import InputError, NotFoundError
from crossfade.schema.lake_settings import LakeSettings
from crossfade.schema.tables import EVENTS

BEFORE: Final = timedelta(days=14)  # what CUPED looks back at: two of each weekday
FIRST_ACT: Final = timedelta(days=14)  # users of the past are those who did something in so long a time
LOOK_BACK: Final = FIRST_ACT + timedelta(
    days=37
)  # ... and of whom it is known whether they came back after thirty days


@dataclass(frozen=True)
class Participants:
    """The users of a running experiment.

    Args:
        arms: Variant -> what its users did, as `participants.behaviour` has it.
        of_several: Users who were shown more than one variant; they are left out.
        last: UTC, the newest event of the lake.
    """

    arms: dict[str, pa.Table]
    of_several: int
    last: datetime


def participants_of(
    lake: Lake,
    experiment: Experiment,
    settings: LakeSettings,
    since: datetime | None = None,
    *,
    until: datetime | None = None,
) -> Participants:
    """Read who was shown an experiment and what they did from then on.

    Args:
        lake: Refreshed.
        experiment: Its manifest.
        settings: Of the engine.
        since: UTC, the beginning of the present step of the ramp; None is the first exposure.
        until: UTC, of an experiment that has ended: what happened from then on is not looked at.

    Raises:
        NotFoundError: Nobody was shown it.
        InputError: A variant that it does not have was shown.
    """
    name = experiment.metadata.name
    with _tables(lake, settings, until) as (session, events, interactions):
        shown = participants.shown(events, name, since)
        acted = participants.behaviour(shown, interactions, before=BEFORE)
        told = session.rows(participants.with_dwell(acted, events, name))
        last = session.rows(events.agg(last=events[c.TIMESTAMP].max())).column("last")[0].as_py()
    if not len(told):
        raise NotFoundError(
            f"{lake.path}: nobody was shown experiment {name!r}; import the gateway's exposures, and check the experiment's name."
        )
    once = told.filter(pc.equal(told.column(participants.VARIANTS), 1))
    names = [variant.name for variant in experiment.spec.variants]
    if strange := set(once.column(c.VARIANT).to_pylist()) - set(names):
        raise InputError(
            f"{lake.path}: variant {min(strange)!r} of experiment {name!r} was shown, which the manifest does not have; it has "
            f"{', '.join(names)}."
        )
    arms = {variant: once.filter(pc.equal(once.column(c.VARIANT), variant)) for variant in names}
    return Participants(arms, len(told) - len(once), last)


def observations(
    experiment: Experiment, found: Participants, *, step: int, began: datetime, step_began: datetime
) -> Observations:
    """Return what `decide` wants to know.

    Args:
        experiment: The manifest.
        found: Of the present step.
        step: Its place in the ramp.
        began: UTC, of the experiment.
        step_began: UTC, of the step.
    """
    spec = experiment.spec
    metrics = {
        each.name: moments(each.name, found.arms)
        for each in (spec.primary, *spec.guardrails, *spec.secondary)
    }
    users = {variant: len(arm) for variant, arm in found.arms.items()}
    return Observations(step, found.last - step_began, found.last - began, users, metrics)


@dataclass(frozen=True)
class Followed:
    """What a report tells from, beyond the decision.

    Args:
        days: Of the experiment's users; who was shown several variants is left out.
        past: Of users of the time before the experiment, of whom `LOOK_BACK` less `FIRST_ACT` is known.
        picks: Of interleaved slates, as `days_since.picks_played` has it.
    """

    days: Days
    past: Days
    picks: pa.Table


def followed(
    lake: Lake,
    experiment: Experiment,
    settings: LakeSettings,
    *,
    began: datetime,
    since: datetime,
    until: datetime | None,
) -> Followed:
    """Read what a report tells from.

    Args:
        lake: Refreshed.
        experiment: Its manifest.
        settings: Of the engine.
        began: UTC, of the experiment: the past ends there.
        since: UTC, of the present step.
        until: UTC, of an experiment that has ended.
    """
    name, looked_back = experiment.metadata.name, began - LOOK_BACK
    with _tables(lake, settings, until) as (session, events, interactions):
        shown = participants.shown(events, name, since)
        users = shown.filter(shown[participants.VARIANTS] == 1)
        earlier = participants.before(interactions, began)
        people = participants.everybody(earlier, looked_back)
        early = participants.first_before(people, looked_back + FIRST_ACT)
        last = session.rows(events.agg(last=events[c.TIMESTAMP].max())).column("last")[0].as_py()
        return Followed(
            Days(session.rows(users), session.rows(days_since(users, interactions, events, name)), last),
            Days(session.rows(early), session.rows(days_since(early, earlier, events, "")), began),
            session.rows(picks_played(events, interactions, name)),
        )


def population(lake: Lake, settings: LakeSettings, period: timedelta) -> tuple[pa.Table, datetime]:
    """Return what all users of the newest period did in it, as if they had been shown something at their first act.

    Returns:
        As `participants.behaviour` has it, and the end of the period.

    Raises:
        InputError: Nobody did anything at a known time.
    """
    with _tables(lake, settings) as (session, events, interactions):
        newest = (
            session.rows(interactions.agg(last=interactions[c.TIMESTAMP].max())).column("last")[0].as_py()
        )
        if newest is None:
            raise InputError(f"{lake.path} has no listening with timestamps; a plan needs past data.")
        users = participants.everybody(interactions, newest - period)
        acted = participants.behaviour(users, interactions, before=BEFORE)
        return session.rows(participants.with_dwell(acted, events, None)), newest


def listeners_between(
    lake: Lake, settings: LakeSettings, since: datetime, until: datetime | None
) -> pa.Table:
    """Return what all did who did something between two moments, from their first act on, as `participants.behaviour` has it.

    Args:
        lake: Refreshed.
        settings: Of the engine.
        since: UTC.
        until: UTC; None is the newest event.
    """
    with _tables(lake, settings, until) as (session, events, interactions):
        users = participants.everybody(interactions, since)
        acted = participants.behaviour(users, interactions, before=BEFORE)
        return session.rows(participants.with_dwell(acted, events, None))


@contextmanager
def _tables(
    lake: Lake, settings: LakeSettings, until: datetime | None = None
) -> Iterator[tuple[Engine, Any, Any]]:
    """Yield an engine with silver events and gold interactions, those before a moment alone if there is one."""
    with TemporaryDirectory() as scratch, chosen_engine(Path(scratch), settings) as session:
        found = (
            session.table(lake.files(SILVER, EVENTS.name), SILVER_SCHEMAS[EVENTS.name]),
            session.table(lake.files(GOLD, INTERACTIONS), GOLD_SCHEMAS[INTERACTIONS]),
        )
        events, interactions = (participants.before(table, until) if until else table for table in found)
        yield session, events, interactions
