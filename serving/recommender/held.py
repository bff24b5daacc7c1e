"""The bundle that answers, and its change for another while requests go on."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, cast

from crossfade.recommender.answers import answer
from crossfade.recommender.asking import Ask
from crossfade.recommender.manifest import DIGEST, read_manifest
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.workspace import Workspace
from crossfade.retrieval.popular import Popular
from crossfade.schema import columns as c
from crossfade.schema.tables import Surface
from serving.popular import PopularSlates
from serving.refusals import Refusals

logger = logging.getLogger(__name__)

WARM_UP_USERS: Final = 3


@dataclass(frozen=True)
class Held:
    """A loaded and warm bundle.

    Args:
        recommender: Answers.
        popular: Stands in for it.
    """

    recommender: Recommender
    popular: PopularSlates

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Open a bundle, every byte checked, and answer each surface once, so that no listener waits for it.

        Raises:
            NotFoundError: There is no bundle.
            IntegrityError: It is damaged.
        """
        recommender = Recommender.load(directory)
        popular = cast("Popular", recommender.sources.retrievers[c.POPULAR])
        dataset = recommender.dataset
        slates = PopularSlates.of(
            popular,
            dataset,
            recommender.policies,
            as_of=recommender.as_of,
            bundle=recommender.digest,
        )
        held = cls(recommender, slates)
        users = dataset.users.ids.ids[:WARM_UP_USERS].to_pylist()
        tracks = tuple(recommender.catalogue.tracks.ids[:1].to_pylist())
        for surface in Surface:
            for batch in _warm_up(users, tracks, surface):
                answer(recommender, batch, None, with_reasons=False)
        return held


def _warm_up(users: Sequence[str], tracks: tuple[str, ...], surface: Surface) -> list[list[Ask]]:
    """Return a stranger's request alone, and some users' together with a session."""
    return [[Ask(surface=surface)], [Ask(surface=surface, user_id=user, session=tracks) for user in users]][
        : 2 if users else 1
    ]


class Holder:
    """Holds one bundle; `refresh` changes it by one assignment, after the new one is loaded and warm.

    Args:
        bundle: To hold for good; None follows the workspace's champion.
        workspace: Whose champion is followed.

    Raises:
        NotFoundError: There is no bundle or champion.
        IntegrityError: The bundle is damaged.
    """

    def __init__(self, bundle: Path | None, workspace: Workspace | None) -> None:
        self._bundle, self._workspace = bundle, workspace
        self._changing = threading.Lock()
        self.refused: dict[str, str] | None = None
        self._refusals = Refusals()
        self.held = Held.load(self._wanted())

    def refresh(self, *, at_once: bool = False) -> bool:
        """Take up the champion if it is another; one that cannot be loaded leaves the old one in place, and is tried again later.

        Args:
            at_once: Try a bundle that was refused now.

        Returns:
            Whether the bundle that is wanted is the one that answers now.
        """
        with self._changing:
            if at_once:
                self._refusals.clear()
            since, name = time.monotonic(), ""
            try:
                wanted = self._wanted()
                name = wanted.name
                if self._refusals.may_try(name):
                    self._take_up(wanted)
            except Exception as error:  # noqa: BLE001 (whatever is wrong with the new bundle, the old one goes on)
                self._refuse(name, str(error), time.monotonic() - since)
            return self.refused is None

    def as_json(self) -> dict[str, Any]:
        """Return which bundle answers, and which was refused and why."""
        return {"bundle": self.held.recommender.digest, "refused": self.refused}

    @property
    def _name(self) -> str:
        return self.held.recommender.digest

    def _wanted(self) -> Path:
        if self._bundle is not None:
            return self._bundle
        assert self._workspace is not None, "a bundle or a workspace is given"
        return self._workspace.champion()

    def _take_up(self, wanted: Path) -> None:
        if read_manifest(wanted)[DIGEST] != self._name:
            self.held = Held.load(wanted)
            logger.warning("Bundle %s answers now.", self._name)
        self.refused = None
        self._refusals.clear()

    def _refuse(self, name: str, reason: str, took_seconds: float) -> None:
        self.refused = {"bundle": name, "reason": reason}
        if self._refusals.note(name, took_seconds):
            logger.error(
                "Bundle %s keeps answering; %s is refused and is tried again from time to time: %s",
                self._name,
                name or "the champion",
                reason,
            )
