"""KFP component: catalogue, users, interactions and the time split of one run."""

from kfp import dsl
from kfp.dsl import Dataset, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def make_dataset(lake: str, settings: str, versions: str, dataset: Output[Dataset]) -> None:
    """Read gold at pinned versions into the columns that models train on."""
    from pathlib import Path

    from crossfade.features import make_dataset as features
    from crossfade.lake.lake import Lake
    from crossfade.schema.settings import parse_settings

    Path(dataset.path).mkdir(parents=True, exist_ok=True)
    pinned = Lake.open(Path(lake))
    made = features.make_dataset(pinned, parse_settings(settings), pinned.pinned(versions))
    made.save(Path(dataset.path))
