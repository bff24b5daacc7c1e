"""A person gets all that is known about them, under their own id, and nothing of anybody else."""

import json
from dataclasses import replace

import pytest

from crossfade.privacy.export import export
from crossfade.privacy.places import Places
from crossfade.schema.errors import NotFoundError
from tests.privacy.planted import KEY, OTHERS, PERSON, SETTINGS


def test_everything_about_a_person_and_nobody_else(world: Places) -> None:
    known = export(world, PERSON, SETTINGS.weekly)
    text = json.dumps(known, ensure_ascii=False)
    assert known["user_id"] == PERSON
    tables = {name: len(rows) for name, rows in known["tables"].items()}
    assert tables == {
        "bronze/bot_lists": 1,
        "bronze/events": 28,
        "bronze/playlists": 1,
        "bronze/users": 1,
        "gold/interactions": 28,
        "gold/user_days": 28,
        "gold/user_profiles": 1,
        "quarantine/events": 1,
        "silver/bot_days": 28,
        "silver/bot_hours": 28,
        "silver/events": 28,
        "silver/playlists": 1,
        "silver/users": 1,
    }
    assert known["tables"]["gold/user_profiles"][0]["num_listens"] == 28
    assert known["tables"]["silver/users"] == [{"user_id": PERSON, "country": "SE"}]
    (slate,) = known["playlists"]["store/discover_weekly"]
    assert (slate["live"], len(slate["track_ids"])) == (True, 12)
    assert world.workspace is not None
    assert known["bundles"] == [world.workspace.champion_digest()]
    assert not [user for user in OTHERS if user in text or KEY.pseudonym(user) in text]


def test_of_somebody_unknown_there_is_nothing_to_give(world: Places) -> None:
    with pytest.raises(NotFoundError, match=r"Nothing is known of user 'nobody' in .*lake; check the id"):
        export(replace(world, workspace=None), "nobody", SETTINGS.weekly)
