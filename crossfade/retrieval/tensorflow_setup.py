"""TensorFlow and TensorFlow Recommenders, imported the one way in which they work together.

TensorFlow Recommenders needs Keras 2 (`tf_keras`), which TensorFlow takes only when the environment says so
before it is imported; so every module that needs either imports them from here.
"""

import os

from crossfade.schema.errors import MissingExtraError

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

try:
    import tensorflow as tf
    import tensorflow_recommenders as tfrs
except ImportError as error:
    raise MissingExtraError("tensorflow", "train") from error

__all__ = ["tf", "tfrs"]
