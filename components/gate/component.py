"""KFP component: may the challenger be published."""

from kfp import dsl
from kfp.dsl import Artifact, Input, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def gate(
    challenger: Input[Artifact],
    champion: Input[Artifact],
    rival: str,
    reigning: str,
    settings: str,
    decision: Output[Artifact],
) -> str:
    """Decide between two evaluations on the same users; return promote, refuse or unchanged."""
    import logging
    from pathlib import Path

    from crossfade.evaluation.stages import gate_bundles
    from crossfade.schema.settings import parse_settings

    other = Path(champion.path) if rival else None
    made = gate_bundles(
        Path(challenger.path), other, Path(decision.path), parse_settings(settings), reigning=reigning
    )
    logging.info("%s: %s", made.outcome, " ".join(made.reasons))
    return str(made.outcome)
