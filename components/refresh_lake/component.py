"""KFP component: bring silver and gold up to date with what was imported."""

from kfp import dsl
from kfp.dsl import Artifact, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def refresh_lake(lake: str, settings: str, counts: Output[Artifact]) -> str:
    """Bring silver and gold up to date; return the lake's id and its tables' versions as JSON, to pin all that follows."""
    import json
    import logging
    from dataclasses import asdict
    from pathlib import Path

    from crossfade.lake.build import refresh
    from crossfade.lake.lake import Lake
    from crossfade.schema.settings import parse_settings

    refreshed = Lake.open(Path(lake))
    report = refresh(refreshed, parse_settings(settings), logging.info)
    logging.info("\n".join(map(str, report.tables)))
    Path(counts.path).write_text(json.dumps([asdict(table) for table in report.tables], indent=2), "utf-8")
    return refreshed.pins()
