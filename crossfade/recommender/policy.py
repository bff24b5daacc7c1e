"""A surface's policy: the typed settings that turn candidates into slates."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import yaml
from pydantic import Field

from crossfade.reranking.rerank import RerankWeights
from crossfade.schema.errors import SettingsError
from crossfade.schema.settings import Amount, Count, Share

Weight = Annotated[float, Field(ge=0, le=10)]


class Policy(pydantic.BaseModel):
    """Filters, caps and weights of one surface; the files in `policies` are the manual of these keys.

    Pydantic saves us the type checks and their messages.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    k: Count
    exclude_heard: Literal["all", "none"] | Count
    repeat_after_tracks: Amount
    exclude_disliked: bool
    explicit: Literal["by_user", "never"]
    new_release_days: Amount
    max_per_artist: Amount
    max_per_album: Amount
    diversity: Share
    calibration: Weight
    popularity_penalty: Weight

    @property
    def weights(self) -> RerankWeights:
        """What reranking reads of the policy."""
        return RerankWeights(
            self.diversity, self.calibration, self.popularity_penalty, self.max_per_artist, self.max_per_album
        )

    def dumps(self) -> str:
        """Return the policy as YAML that `parse_policy` reads back to an equal object."""
        return yaml.safe_dump(self.model_dump(), sort_keys=False)


def load_policy(path: Path) -> Policy:
    """Read a policy file.

    Raises:
        SettingsError: There is no such file, or as in `parse_policy`.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError as error:
        raise SettingsError(f"Policy file {path} does not exist.") from error
    return parse_policy(text, place=str(path))


def parse_policy(text: str, *, place: str = "policy") -> Policy:
    """Read a policy from YAML text; every key is needed.

    Raises:
        SettingsError: Names place, key and value.
    """
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"{place}: not YAML: {error}") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{place}: needs keys and values, got {type(values).__name__}.")
    _require_known(values, place)
    try:
        return Policy.model_validate(values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"{place}: {first['loc'][0]}={first['input']!r}: {first['msg']}.") from error


def _require_known(values: dict[Any, Any], place: str) -> None:
    known = set(Policy.model_fields)
    if unknown := sorted(map(str, set(values) - known)):
        raise SettingsError(f"{place}: unknown key {unknown[0]}; known: {', '.join(sorted(known))}.")
    if missing := sorted(known - set(values)):
        raise SettingsError(f"{place}: key {missing[0]} is missing; a policy names every key.")
