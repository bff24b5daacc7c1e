"""Home's screens: modules in order, what was shown and opened in a log, and what was learnt of it as it comes."""

import asyncio
import logging
import time
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import orjson
import pydantic
from pydantic import Field

from crossfade.experiments.home import ContentType as Kind
from crossfade.experiments.home import Home, arms_of, context_of, load_home, ordered
from crossfade.experiments.home_log import opened_line, shown_lines
from crossfade.recommender.workspace import Workspace
from crossfade.schema import columns as c
from crossfade.schema.errors import InputError
from crossfade.schema.metrics import Recorder
from crossfade.schema.serving_settings import ServingSettings
from crossfade.schema.tables import Surface
from serving.gateway.exposures import Exposures, FileSink

logger = logging.getLogger(__name__)

Id = Annotated[str, Field(min_length=1, max_length=511)]
Plays = Annotated[float, Field(ge=0, le=1e9)]


class ScreenAsk(pydantic.BaseModel):
    """A request for Home's modules.

    Args:
        request_id: A repeated one gets the same order while nothing new is learnt.
        user_id: Whose screen; only a repeated request is known by it, nothing is kept.
        plays: Plays of each content type lately, as the client knows them; without them the usual mix counts.
        time: The listener's local time; None is now, in UTC.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    request_id: Id | None = None
    user_id: Id | None = None
    plays: dict[Kind, Plays] = Field(default_factory=dict)
    time: datetime | None = None


class Screens:
    """Orders modules.

    Args:
        home: The modules.
        learnt: File of arms that `crossfade home learn` writes; nothing is known before it is there.
        log: Told what was shown and opened.
    """

    def __init__(self, home: Home, learnt: Path, log: Exposures) -> None:
        self.log = log
        self._home, self._path = home, learnt
        self._arms, self._stamp, self._unread = home.unknown, -1, -1
        self._names = {each.module for each in home.modules}
        self.look()

    def screen(self, values: object) -> dict[str, Any]:
        """Order all modules for a listener.

        Raises:
            InputError: Names key and value.
        """
        asked = _asked(values)
        now = datetime.now(UTC)
        slate = blake2b(
            "\0".join((asked.request_id or uuid4().hex, asked.user_id or "")).encode(
                "utf-8", "surrogatepass"
            ),
            digest_size=12,
        ).hexdigest()
        mix = self._home.mix({str(kind): plays for kind, plays in asked.plays.items()})
        context = context_of(asked.time or now, mix)
        modules = ordered(self._home, self._arms, context, mix, key=slate)
        self.log.put("", _lines(shown_lines(slate, int(now.timestamp()), context.tolist(), modules)))
        shown = [
            {
                **each.module.model_dump(mode="json"),
                c.POSITION: position,
                c.PROPENSITY: round(each.propensity, 6),
            }
            for position, each in enumerate(modules)
        ]
        return {c.SLATE_ID: slate, c.SURFACE: str(Surface.HOME), "modules": shown}

    def opened(self, slate: str, values: object) -> None:
        """Note that a module of a screen was opened.

        Raises:
            InputError: There is no such module.
        """
        module = values.get("module") if isinstance(values, dict) else None
        if not isinstance(module, str) or module not in self._names:
            known = ", ".join(sorted(self._names))
            raise InputError(f"module={module!r} is not one of Home's; known: {known}.")
        self.log.put("", _lines([opened_line(slate, int(time.time()), module)]))

    async def follow(self, every_seconds: float) -> None:
        """Look for what was learnt again and again."""
        while True:
            await asyncio.sleep(every_seconds)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Take up what was learnt, if it is new; what cannot be read is told of once and passed over."""
        try:
            stamp = self._path.stat().st_mtime_ns
        except OSError:  # it is not there yet, or its disk is away
            return
        if stamp != self._stamp:
            try:
                self._arms = arms_of(orjson.loads(self._path.read_bytes()), str(self._path))
            except OSError as error:  # which may pass: it is read again at the next look
                if stamp != self._unread:
                    logger.error("Home's modules keep their order: %s", error)
                self._unread = stamp
                return
            except (InputError, ValueError) as error:
                logger.error("Home's modules keep their order: %s", error)
            self._stamp = stamp


def screens_of(
    workspace: Workspace, modules: Path | None, settings: ServingSettings, recorder: Recorder
) -> Screens:
    """Open Home's screens over a workspace's log and what was learnt of it.

    Raises:
        NotFoundError: There is no such file of modules.
        InputError: It makes no sense.
    """
    log = Exposures(FileSink(workspace.home_log, recorder), settings.exposure_queue, recorder)
    return Screens(load_home(modules), workspace.home_arms, log)


def _lines(lines: list[bytes]) -> bytes:
    return b"".join([line + b"\n" for line in lines])


def _asked(values: object) -> ScreenAsk:
    if not isinstance(values, dict):
        raise InputError(f"request: needs an object such as {{}}, got {type(values).__name__}.")
    try:
        return ScreenAsk.model_validate(values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if part != "[key]")
        raise InputError(f"request: {key}={first['input']!r}: {first['msg']}.") from error
