"""KFP component: hold the lake against what is expected of it."""

from kfp import dsl
from kfp.dsl import Artifact, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def validate_data(lake: str, settings: str, versions: str, validation: Output[Artifact]) -> None:
    """Validate the pinned tables and write what was found; stop where an expectation does not hold."""
    from pathlib import Path

    from crossfade.lake.lake import Lake
    from crossfade.quality.report import require_valid, write
    from crossfade.quality.validate import validate
    from crossfade.schema.settings import parse_settings

    pinned = Lake.open(Path(lake))
    report = validate(pinned, parse_settings(settings), pinned.pinned(versions))
    write(report, Path(validation.path))
    require_valid(report)
