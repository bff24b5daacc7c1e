"""Who is marked as a bot and why, and the lists by which people overrule it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from crossfade.lake import bot_intruders, bot_rules, bots
from crossfade.lake.lake import BRONZE, SILVER, Lake
from crossfade.lake.layout import BOT_LISTS, BOT_LISTS_SCHEMA, BOTS
from crossfade.lake.own_ids import own_ids
from crossfade.schema import columns as c
from crossfade.schema.errors import InputError, NotFoundError
from crossfade.schema.tables import EVENTS

_WORDS: Final = {
    bot_rules.LOOP: "{:.0%} of a visit's plays end just over 30 s, mostly of one artist",
    bot_rules.METRONOME: "plays start at intervals that vary by {:.0%} of their mean",
    bot_rules.ROUND_THE_CLOCK: "plays in each of {:.0f} hours in a row",
    bot_intruders.IMPOSSIBLE_TRAVEL: "{:.0f} times on one day in another country sooner than anybody gets there",
    bot_intruders.INTRUDER: "of what is played elsewhere than usual, {:.0%} is of artists that the account knows",
    bots.ODD: "oddity {:.1f}: listens unlike all other accounts",
    bots.MOSTLY: "{:.0%} of all its plays are held against it by other rules",
    bots.DENIED: "on the deny list",
}
_WORST_IS_LEAST: Final = (bot_rules.METRONOME, bot_intruders.INTRUDER)


@dataclass(frozen=True)
class Evidence:
    """What one rule holds against an account: the figure that told most, and the listens that it holds."""

    rule: str
    measure: float | None
    listens: int

    def __str__(self) -> str:
        """Return a line for people."""
        return f"{self.rule}: {_WORDS[self.rule].format(self.measure)} ({self.listens:,} listens)"


@dataclass(frozen=True)
class Suspect:
    """An account that rules speak against.

    Args:
        user_id: The account.
        is_flagged: False where the allow list overrules it.
        is_whole: Whether all of the account is meant, or only hours of it.
        evidence: Of each rule, by its name.
    """

    user_id: str
    is_flagged: bool
    is_whole: bool
    evidence: tuple[Evidence, ...]


def suspects(lake: Lake) -> list[Suspect]:
    """Return the accounts that the last refresh found, by their own user ids.

    Raises:
        NotFoundError: The lake has not been refreshed.
    """
    order = [(name, "ascending") for name in (c.USER_ID, c.RULE)]
    rows = lake.read(SILVER, BOTS).sort_by(order).to_pylist()
    found = {user: list(held) for user, held in groupby(rows, key=lambda row: str(row[c.USER_ID]))}
    names = own_ids(lake, found)
    return sorted(
        (_suspect(names[user], held) for user, held in found.items()), key=lambda each: each.user_id
    )


def _suspect(user_id: str, rows: list[dict[str, Any]]) -> Suspect:
    evidence = tuple(_evidence(rule, list(held)) for rule, held in groupby(rows, key=lambda row: row[c.RULE]))
    return Suspect(user_id, rows[0][c.IS_FLAGGED], any(row[c.HOUR] is None for row in rows), evidence)


def _evidence(rule: str, rows: list[dict[str, Any]]) -> Evidence:
    measures = [row[c.MEASURE] for row in rows if row[c.MEASURE] is not None]
    worst = min if rule in _WORST_IS_LEAST else max
    return Evidence(rule, worst(measures, default=None), sum(row[c.LISTENS] for row in rows))


def put_on_list(lake: Lake, user_ids: Iterable[str], name: str) -> None:
    """Decide on accounts, from the next refresh on; a later decision on one replaces the earlier.

    Args:
        lake: With events of all of them.
        user_ids: The accounts; of none nothing is written.
        name: `bots.ALLOW`: never marked. `bots.DENY`: always marked, whole. `bots.FORGET`: as the rules say.

    Raises:
        NotFoundError: The lake has no event of an account.
        InputError: Another process is writing to the lake.
    """
    users = sorted(set(user_ids))
    if unknown := _unknown(lake, users):
        raise NotFoundError(
            f"The lake at {lake.path} has no event of user {unknown[0]!r}; use the id as it stands in the events."
        )
    if not users:
        return
    now = datetime.now(UTC)
    rows = [{c.USER_ID: user, c.LIST: name, c.IMPORTED_AT: now} for user in users]
    with lake.writing():
        lake.append(BRONZE, BOT_LISTS, pa.Table.from_pylist(rows, schema=BOT_LISTS_SCHEMA))


def require_one_list(lists: Mapping[str, Iterable[str]]) -> None:
    """Check that no account is to be put on two lists at once.

    Raises:
        InputError: Names the account and the lists.
    """
    seen: dict[str, str] = {}
    for name, users in lists.items():
        for user in users:
            if seen.setdefault(user, name) != name:
                raise InputError(f"User {user!r} cannot go on both {seen[user]} and {name}; choose one.")


def _unknown(lake: Lake, users: list[str]) -> list[str]:
    found = lake.dataset(BRONZE, EVENTS.name).to_table(
        columns=[c.USER_ID], filter=pc.field(c.USER_ID).isin(pa.array(users, pa.string()))
    )
    known = set(found.column(c.USER_ID).unique().to_pylist())
    return [user for user in users if user not in known]
