"""The manifest of an experiment: variants, ramp, metrics and stop rules, read strictly; a mistake is told by its field."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pydantic
import yaml
from pydantic import Field
from pydantic.alias_generators import to_camel

from crossfade.experiments.assignment import CONTROL
from crossfade.experiments.variant_policy import PolicyChanges
from crossfade.schema.errors import InputError
from crossfade.schema.section import Count, Positive, Share
from crossfade.schema.tables import Surface

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{12,64}$")]


class _Part(pydantic.BaseModel):
    """Frozen, closed to unknown keys, and spelled in camel case as Kubernetes does."""

    model_config = pydantic.ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )


class Variant(_Part):
    """What some users get: `control` is what everybody gets now.

    Args:
        bundle: Digest of the model.
        policy: Keys of the surface's policy with other values than the bundle's; None leaves it as it is. A treatment's alone:
            what control gets is the champion, as it is.
        image: Of the variant's server; None is the release's own.
        service: Address of the variant's recommender, as the gateway reaches it; control's is the gateway's own.
    """

    name: Name
    bundle: Digest
    policy: PolicyChanges | None = None
    image: str | None = None
    service: Annotated[str, Field(pattern="^grpc://.")] | None = None


class RampStep(_Part):
    """Shares of the treatments for at least so long.

    Args:
        shares: Treatment -> share of all eligible users.
        minimum_duration: For example P1D; a week shows every weekday.
    """

    shares: dict[Name, Share]
    minimum_duration: timedelta


class Metric(_Part):
    """A metric of `experiments.metrics`, and which way is better."""

    name: str
    higher_is_better: bool = True


class PrimaryMetric(Metric):
    """What decides.

    Args:
        minimum_effect: The smallest relative change that is worth finding, 0.01 is one in a hundred.
    """

    minimum_effect: Positive


class Guardrail(Metric):
    """What must not get worse by more than a share of the control's mean.

    Args:
        margin: For example 0.02.
    """

    margin: Positive


class Alarm(_Part):
    """What rolls back within minutes, without waiting for a decision: an answer of Prometheus beyond its bound.

    Args:
        name: For people.
        query: PromQL; each sample of its answer is compared, and an empty answer is no alarm.
        at_most: The largest value that is well.
    """

    name: str
    query: Annotated[str, Field(min_length=1)]
    at_most: float


class Eligibility(_Part):
    """Who takes part; None is no limit."""

    countries: tuple[str, ...] | None = None


class StopRules(_Part):
    """When to stop, and how sure one must be.

    Args:
        maximum_duration: Without a finding by then, the treatment goes back.
        alpha: Share of experiments without an effect that may end as if there were one, over all looks.
        sample_ratio_alpha: ... and of sound assignments that may be called unsound.
        minimum_users: Of every variant, before anything is concluded.
    """

    maximum_duration: timedelta = timedelta(days=42)
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    sample_ratio_alpha: Annotated[float, Field(gt=0, lt=1)] = 0.001
    minimum_users: Count = 1000


class ExperimentSpec(_Part):
    """All that an experiment is.

    Args:
        owner: Who is asked.
        surface: Where it is shown.
        unit: What is assigned.
        salt: Of the assignment; None is the experiment's name. Another salt draws independently of all others.
        layer: Experiments of one layer share no users, so that one of them runs at a time; None is a layer of its own.
        holdout: Share of all users who never take part in any experiment of the layer.
        variants: Control first, then one treatment or more.
        ramp: Shares, which never fall; the last step decides.
        primary: The metric that decides.
        guardrails: May only roll back.
        secondary: Told, and corrected for their number; they decide nothing.
        alarms: Of the treatments' services, looked at every minute; they may only roll back.
    """

    owner: str
    surface: Surface
    unit: Literal["user"] = "user"
    salt: str | None = None
    layer: Name | None = None
    holdout: Share = 0.0
    eligibility: Eligibility = Eligibility()
    variants: Annotated[tuple[Variant, ...], Field(min_length=2)]
    ramp: Annotated[tuple[RampStep, ...], Field(min_length=1)]
    primary: PrimaryMetric
    guardrails: tuple[Guardrail, ...] = ()
    secondary: tuple[Metric, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    stop: StopRules = StopRules()

    @property
    def treatments(self) -> tuple[str, ...]:
        """Names of all variants but control."""
        return tuple(variant.name for variant in self.variants[1:])

    @pydantic.model_validator(mode="after")
    def _is_coherent(self) -> Self:
        names = [variant.name for variant in self.variants]
        if names[0] != CONTROL or len(set(names)) < len(names):
            raise ValueError(f"variants must be {CONTROL!r} first and have different names, got {names}")
        if self.variants[0].service is not None:
            raise ValueError("variants.0.service: control is answered by the gateway's own recommender")
        if self.variants[0].policy is not None:
            raise ValueError("variants.0.policy: control has its bundle's own; give a treatment the changes")
        before = dict.fromkeys(self.treatments, 0.0)
        for place, step in enumerate(self.ramp):
            if set(step.shares) != set(self.treatments):
                raise ValueError(
                    f"ramp.{place}.shares must name every treatment and no other, got {sorted(step.shares)}"
                )
            if sum(step.shares.values()) + self.holdout >= 1:
                raise ValueError(f"ramp.{place}.shares and holdout leave no user to control")
            if fallen := [name for name, share in step.shares.items() if share < before[name] or not share]:
                raise ValueError(
                    f"ramp.{place}.shares must be above 0 and never fall, or users would change sides; {fallen[0]!r} does"
                )
            before = step.shares
        metrics = [metric.name for metric in (self.primary, *self.guardrails, *self.secondary)]
        if len(set(metrics)) < len(metrics):
            raise ValueError(f"a metric has one role; got {metrics}")
        return self


class Metadata(_Part):
    """The Kubernetes part of the manifest."""

    name: Name
    namespace: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class Status(_Part):
    """Where it stands.

    Args:
        step: Of the ramp that runs, from 1.
        bundles: Treatment with a policy of its own -> digest of the bundle with that policy, which a step makes; None where no
            treatment has one.
    """

    step: Count = 1
    bundles: dict[Name, Digest] | None = None


class Experiment(_Part):
    """The manifest."""

    api_version: Literal["crossfade.dev/v1alpha1"]
    kind: Literal["Experiment"]
    metadata: Metadata
    spec: ExperimentSpec
    status: Status = Status()

    @pydantic.model_validator(mode="after")
    def _has_the_step(self) -> Self:
        if self.status.step > len(self.spec.ramp):
            raise ValueError(f"status.step={self.status.step}, but the ramp has {len(self.spec.ramp)} steps")
        return self

    @property
    def shares(self) -> dict[str, float]:
        """Shares of the running step."""
        return self.spec.ramp[self.status.step - 1].shares

    @property
    def bundles(self) -> dict[str, str]:
        """Variant -> digest of the bundle that it is served from, once a step has made those with a policy of their own."""
        return {variant.name: variant.bundle for variant in self.spec.variants} | (self.status.bundles or {})

    @property
    def salt(self) -> str:
        """The salt of the assignment."""
        return self.spec.salt or self.metadata.name


def read_experiment(path: Path) -> Experiment:
    """Read a manifest.

    Raises:
        InputError: It cannot be read, or names the fields that are wrong.
    """
    try:
        told: Any = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read as YAML: {error}") from error
    try:
        return Experiment.model_validate(told)
    except pydantic.ValidationError as error:
        raise InputError(
            f"{path} is not an Experiment: {'; '.join(map(_sentence, error.errors()))}."
        ) from error


def _sentence(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"]) or "the file"
    given = "" if error["type"] in ("missing", "value_error") else f", got {error['input']!r}"
    return f"{place}: {error['msg'].removeprefix('Value error, ')}{given}"
