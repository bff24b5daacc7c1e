"""What schemas do not say: rules of our own, each of which yields sentences about what breaks it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tests.manifests import object_rules, pod_rules
from tests.manifests.rendering import Object

Rule = Callable[[Sequence[Object]], Iterator[str]]

RULES: Final[tuple[Rule, ...]] = (
    pod_rules.restricted,
    pod_rules.accounts,
    pod_rules.sizes,
    pod_rules.probes,
    pod_rules.images,
    pod_rules.models,
    object_rules.services,
    object_rules.selectors,
    object_rules.networks,
    object_rules.references,
    object_rules.secrets,
    object_rules.places,
)


def faults(objects: Sequence[Object]) -> list[str]:
    """Return what breaks any rule."""
    return [told for rule in RULES for told in rule(objects)]
