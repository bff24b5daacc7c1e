"""A surface's policy: the typed settings that turn candidates into slates."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import yaml
from pydantic import AfterValidator, Field

from crossfade.reranking.exploration import Exploration
from crossfade.reranking.flow import FlowRules
from crossfade.reranking.rerank import ANY_SHARE, RerankWeights
from crossfade.schema.errors import SettingsError
from crossfade.schema.section import Amount, Count, Positive, Share

Weight = Annotated[float, Field(ge=0, le=10)]


def _rising(values: tuple[float, ...]) -> tuple[float, ...]:
    if any(after < before for before, after in pairwise(values)):
        raise ValueError("Input should rise")
    return values


Shares = Annotated[tuple[Share, Share], AfterValidator(_rising)]
# More would make a slate of them, so their number is capped here.
Places = Annotated[tuple[Count, ...], Field(max_length=3), AfterValidator(_rising)]


class Policy(pydantic.BaseModel):
    """Filters, caps and weights of one surface; the files in `policies` are the manual of these keys.

    Keys with a default came later: where a bundle of before has none of them, the default does what was done then.
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
    new_artists: Shares
    small_artists: Shares
    explore_places: Places
    explore_prior: Positive
    flow: Weight = 0.0
    artist_distance: Amount = 0
    known_artists_first: bool = False
    explore_most: Amount = 0
    explore_weeks: Count = 4

    @property
    def weights(self) -> RerankWeights:
        """What reranking reads of the policy."""
        return RerankWeights(
            self.diversity,
            self.calibration,
            self.popularity_penalty,
            self.max_per_artist,
            self.max_per_album,
            self.new_artists,
            self.small_artists,
        )

    @property
    def sets_shares(self) -> bool:
        """Whether new or small artists have a least or most share."""
        return (self.new_artists, self.small_artists) != (ANY_SHARE, ANY_SHARE)

    @property
    def order(self) -> FlowRules:
        """What orders a slate after its tracks are chosen."""
        return FlowRules(self.flow, self.artist_distance)

    def exploration(self, k: int, seed: int) -> Exploration:
        """Return where slates of k tracks explore; places beyond k do not count."""
        places = tuple(place - 1 for place in self.explore_places if place <= k)
        return Exploration(places, self.explore_prior, seed, self.explore_most, self.explore_weeks)

    def changed(self, changes: Mapping[str, Any]) -> "Policy":
        """Return the policy with other values of some keys.

        Raises:
            SettingsError: Names key and value.
        """
        return parse_policy(yaml.safe_dump({**self.model_dump(mode="json"), **changes}))

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
    """Read a policy from YAML text; every key is needed but those that have a default.

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
        key = ".".join(str(part) for part in first["loc"] if part == first["loc"][0] or isinstance(part, int))
        raise SettingsError(f"{place}: {key}={first['input']!r}: {first['msg']}.") from error


def _require_known(values: dict[Any, Any], place: str) -> None:
    known = set(Policy.model_fields)
    needed = {name for name, field in Policy.model_fields.items() if field.is_required()}
    if unknown := sorted(map(str, set(values) - known)):
        raise SettingsError(f"{place}: unknown key {unknown[0]}; known: {', '.join(sorted(known))}.")
    if missing := sorted(needed - set(values)):
        raise SettingsError(f"{place}: key {missing[0]} is missing; a policy names every key.")
