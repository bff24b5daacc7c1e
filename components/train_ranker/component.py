"""KFP component: fit the ranker on candidates that the sources really return."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train_ranker(
    dataset: Input[Dataset], sources: Input[Model], settings: str, ranker: Output[Model]
) -> None:
    """Fit the ranker on the validation period, with sources that have not seen it."""
    from pathlib import Path

    from crossfade.recommender.fit import fit_ranker
    from crossfade.schema.settings import parse_settings

    fit_ranker(Path(dataset.path), Path(sources.path), Path(ranker.path), parse_settings(settings))
