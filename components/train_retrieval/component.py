"""KFP component: fit all retrieval sources up to a moment."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train_retrieval(
    dataset: Input[Dataset],
    until: str,
    settings: str,
    sources: Output[Model],
    warm_start: Input[Model] = None,
) -> None:
    """Fit the retrieval sources on what happened before `until` (validation, test or end of the split)."""
    from pathlib import Path

    from crossfade.recommender.fit import fit_sources
    from crossfade.schema.settings import parse_settings

    fit_sources(
        Path(dataset.path),
        Path(sources.path),
        until=until,
        settings=parse_settings(settings),
        warm_start=Path(warm_start.path) if warm_start else None,
    )
