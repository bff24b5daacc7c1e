"""The gateway takes own ids; who asks under a pseudonym is answered, and nothing counts as shown."""

import asyncio
import json
from pathlib import Path
from typing import Any

import orjson

from crossfade.schema.metrics import Unrecorded
from crossfade.schema.settings import default_settings
from crossfade.schema.tables import Surface
from crossfade.schema.user_keys import UserKey, UserKeys
from crossfade.store.embedded import EmbeddedStore
from serving.gateway.answers import Answers
from serving.gateway.stored import Stored
from serving.gateway.variants import Variants
from tests.serving.gateways import NOWHERE
from tests.store.slates import publish

KEY, OTHER = UserKey(b"k" * 32), UserKey(b"o" * 32)


class Shown:
    """Keeps whom slates were shown to."""

    def __init__(self) -> None:
        self.users: list[str] = []

    def log(self, user: str, *_: Any) -> None:
        self.users.append(user)


def test_what_is_asked_for_under_a_pseudonym_is_not_logged(tmp_path: Path) -> None:
    store, shown, nothing = EmbeddedStore(tmp_path), Shown(), None
    publish(store, "g1", [KEY.pseudonym("ann"), OTHER.pseudonym("ann")])
    stored = Stored(store, is_remote=False, retry_ms=1, keys=UserKeys((KEY,), "here"))
    assembled: Any = Answers
    settings = default_settings().serving
    variants = Variants(NOWHERE, [], settings)
    answers: Answers = assembled(
        variants, stored, nothing, exposures=shown, settings=settings, recorder=Unrecorded()
    )
    tracks = []
    for user in ("ann", KEY.pseudonym("ann"), OTHER.pseudonym("ann")):
        slate = json.loads(orjson.dumps(asyncio.run(answers.playlist(user, Surface.DISCOVER_WEEKLY, None))))
        assert slate["user_id"] == user
        tracks.append(slate["tracks"][0]["track_id"])
    assert tracks[0] == tracks[1] != tracks[2]
    # By another lake's key it is an own id here, as good as any.
    assert shown.users == ["ann", OTHER.pseudonym("ann")]
