"""The drift pipeline: has listening moved since the champion learnt?"""

from kfp import dsl

from components.drift.component import drift as look_for_drift
from components.refresh_lake.component import refresh_lake
from components.validate_data.component import validate_data
from pipelines.sizing import MEDIUM, SMALL, sized


@dsl.pipeline(name="drift")
def drift(
    lake: str = "/mnt/crossfade/lake", workspace: str = "/mnt/crossfade/workspace", settings: str = ""
) -> None:
    """Refresh the lake, hold it against what is expected of it, and the newest days against what the champion learnt from.

    Args:
        lake: Directory of the lake.
        workspace: Directory with the champion; gets the report.
        settings: YAML of the shape of `crossfade settings`; what it leaves out keeps its default.
    """
    refreshed = sized(refresh_lake(lake=lake, settings=settings), SMALL, is_reused=False)
    versions = refreshed.outputs["Output"]
    validated = sized(validate_data(lake=lake, settings=settings, versions=versions), SMALL, is_reused=False)
    found = look_for_drift(lake=lake, workspace=workspace, settings=settings)
    sized(found.after(validated), MEDIUM, is_reused=False)
