"""Sections of the settings that shape learnt models; what each key means stands in `settings.yaml`."""

from typing import Annotated, Literal

from pydantic import Field

from crossfade.schema.section import Amount, Count, Positive, Section, Share


class TwoTowerSettings(Section):
    """Shape and training of the two-tower retriever."""

    dim: Count
    history_length: Count
    batch_size: Count
    epochs: Count
    patience: Count
    learning_rate: Positive
    temperature: Positive
    id_dropout: Share
    context_dropout: Share
    input_vectors: Literal["none", "als", "item2vec"]
    text_buckets: Amount
    user_ids: bool
    user_buckets: Count
    track_buckets: Amount = 0  # of bundles that are older than the key
    artist_buckets: Amount = 0  # likewise
    hard_negatives: Amount
    max_examples: Count
    audio_folder: str


class SessionModelSettings(Section):
    """Shape and training of the session models."""

    dim: Count
    length: Count
    batch_size: Count
    epochs: Count
    learning_rate: Positive
    temperature: Positive
    dropout: Annotated[float, Field(ge=0, lt=1)]
    negatives: Count


class AlsSettings(Section):
    """Matrix factorisation of implicit feedback."""

    factors: Count
    iterations: Count
    regularization: Positive
    alpha: Positive


class EaseSettings(Section):
    """Linear item-item model."""

    head: Count
    regularization: Positive
    neighbours: Count


class Item2VecSettings(Section):
    """Skip-gram over sessions and playlists."""

    dim: Count
    window: Count
    negatives: Count
    negative_exponent: float
    subsample: Positive
    epochs: Count
    learning_rate: Positive


class DeepFmSettings(Section):
    """Shape and training of the DeepFM ranker."""

    dim: Count
    bins: Annotated[int, Field(ge=2)]
    layers: tuple[Count, Count]
    dropout: Annotated[float, Field(ge=0, lt=1)]
    learning_rate: Positive
    batch_queries: Count
    epochs: Count
    patience: Count


class InputModels(Section):
    """Models whose vectors of tracks the two-tower may read."""

    als: AlsSettings
    item2vec: Item2VecSettings
