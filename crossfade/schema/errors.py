"""The tree of exceptions, one docstring for all of it.

CrossfadeError              anything this library refuses; the message says what was needed, got and to do
├── InputError              a user's file, row, id or argument is wrong (exit code 2)
│   ├── SettingsError       a settings key or value is wrong
│   └── NotFoundError       a lake, bundle, user, track or generation does not exist
├── ValidationError         the data broke an expectation; the pipeline stops
├── IntegrityError          bytes on disk are not what their digest or schema version promises
├── PrometheusAwayError     Prometheus does not answer, so no guardrail was looked at
├── TrainingError           training cannot go on (no positives, recall below its floor)
│   └── DivergedError       a loss is not finite any more; keeps the batch and the last good weights
└── MissingExtraError       an optional dependency is not installed; names the extra
"""

from collections.abc import Callable
from pathlib import Path


class CrossfadeError(Exception):
    """Base of every error that this library raises on purpose; saves callers from listing them."""

    exit_code = 1


class InputError(CrossfadeError):
    """A user's file, row, id or argument is wrong."""

    exit_code = 2


class SettingsError(InputError):
    """A settings key or value is wrong."""


class NotFoundError(InputError):
    """A lake, bundle, user, track or generation does not exist."""


class ValidationError(CrossfadeError):
    """The data broke an expectation; the pipeline stops."""


class IntegrityError(CrossfadeError):
    """Bytes on disk are not what their digest or schema version promises."""


class TrainingError(CrossfadeError):
    """Training cannot go on."""


class DivergedError(TrainingError):
    """A loss is not finite any more.

    Args:
        message: Names epoch, step and batch.
        keep: Writes the batch and the last good checkpoint, if there is one, into a directory.
    """

    def __init__(self, message: str, keep: Callable[[Path], None]) -> None:
        super().__init__(message)
        self.keep = keep


class PrometheusAwayError(CrossfadeError):
    """Prometheus does not answer; nothing is wrong with what it was asked."""


class MissingExtraError(CrossfadeError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is needed here but is not installed; run: pip install 'crossfade[{extra}]'."
        )
