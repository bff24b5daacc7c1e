"""KFP component: take the next step of every experiment of a workspace."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def step_experiments(lake: str, workspace: str, settings: str) -> int:
    """Finish what was left, begin what is new, decide about what runs; return how many steps were taken."""
    import logging
    from datetime import UTC, datetime
    from pathlib import Path

    from crossfade.experiments.every import step_all
    from crossfade.lake.lake import Lake
    from crossfade.recommender.workspace import Workspace
    from crossfade.schema.settings import parse_settings

    opened, place = Lake.open(Path(lake)), Workspace.open(Path(workspace))
    taken = step_all(place, opened, parse_settings(settings), datetime.now(UTC))
    logging.info("\n".join(taken) or "There are no experiments.")
    return len(taken)
