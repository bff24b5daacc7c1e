"""Affinity: how near a track lies to what a listener loves; the one formula behind listening and truth."""

from typing import Final

import numpy as np

from crossfade.twin.draws import Floats

# Of the softmax over a listener's interests. High: the nearest interest decides, the others hardly add.
SHARPNESS: Final = np.float32(10.0)


def cosines(interests: Floats, latents: Floats) -> Floats:
    """Return the cosine of each interest with each candidate.

    Args:
        interests: [n, num_interests, dim] float32 unit vectors.
        latents: [n, m, dim] candidates of each listener, or [m, dim] the same for all; unit vectors.

    Returns:
        [n, num_interests, m] float32.
    """
    return np.asarray(interests @ np.swapaxes(latents, -1, -2), np.float32)


def pooled(cosine: Floats, log_shares: Floats) -> Floats:
    """Pool cosines over a listener's interests by a soft maximum: a track need suit only one of them.

    Args:
        cosine: [n, num_interests, m] float32; it is overwritten.
        log_shares: [n, num_interests] float32, 0 for the main interest, -inf where there is none.

    Returns:
        [n, m] float32 affinity: 1 in the middle of the main interest, about 0.2 for a track at random.
    """
    cosine *= SHARPNESS
    cosine += log_shares[:, :, None]
    np.exp(cosine, out=cosine)
    return np.asarray(np.log(cosine.sum(axis=1)) / SHARPNESS)


def boldness(adventurousness: Floats) -> Floats:
    """Return [n] float32: what a unit of affinity adds to a log weight; less for the adventurous."""
    return np.asarray(np.float32(30.0) - np.float32(14.0) * adventurousness)


def interests_on(start: Floats, end: Floats, progress: float) -> Floats:
    """Return interests [n, num_interests, dim] as they have drifted by a share of the window."""
    mixed = start + np.float32(progress) * (end - start)
    lengths = np.linalg.norm(mixed, axis=-1, keepdims=True)
    return np.asarray(mixed / np.maximum(lengths, np.float32(1e-6)))
