"""KFP component: has listening moved since the champion learnt?"""

from kfp import dsl
from kfp.dsl import HTML, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def drift(lake: str, workspace: str, settings: str, page: Output[HTML]) -> str:
    """Hold the days since the champion's window against that window; return "drifted" or "quiet"."""
    from pathlib import Path

    from crossfade.lake.lake import Lake
    from crossfade.recommender.workspace import Workspace
    from crossfade.schema.settings import parse_settings
    from monitoring.drift.report import html
    from monitoring.drift.stage import find_drift, outcome

    found = find_drift(Lake.open(Path(lake)), Workspace.open(Path(workspace)), parse_settings(settings))
    Path(page.path).write_bytes(html(found))
    return outcome(found)
