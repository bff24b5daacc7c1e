"""Audio files whose spectrum follows the genre: a tone of its own, through noise."""

import wave
from pathlib import Path

import numpy as np

from tests.retrieval.content.planted import NUM_ARTISTS, TRACKS_PER_ARTIST

PITCHES_HZ = (220.0, 520.0, 1100.0, 2300.0)
RATE = 8000


def tone(genre: int, random: np.random.Generator, seconds: float = 1.0) -> np.ndarray:
    """Samples [n] float32 of a genre's pitch, at any phase, through noise."""
    moments = np.arange(int(RATE * seconds)) / RATE
    turn = 2 * np.pi * (PITCHES_HZ[genre] * moments + random.random())
    return (0.5 * np.sin(turn) + random.normal(0, 0.1, len(moments))).astype(np.float32)


def write(path: Path, samples: np.ndarray, *, rate: int = RATE, channels: int = 1, width: int = 2) -> None:
    """Write samples in -1 to 1 as a WAV file."""
    whole = np.clip(samples, -1, 1) * (2 ** (8 * width - 1) - 1)
    values = (whole + 128).astype(np.uint8) if width == 1 else whole.astype(f"<i{width}")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(np.repeat(values, channels).tobytes())


def write_planted(folder: Path, *more: tuple[str, int], tracks: int = 3) -> None:
    """Write files of the first tracks of every planted artist, and of further tracks (id, genre)."""
    random = np.random.default_rng(3)
    assert tracks <= TRACKS_PER_ARTIST
    planted = [(f"a{a:02}t{t}", a % 4) for a in range(NUM_ARTISTS) for t in range(tracks)]
    for name, genre in (*planted, *more):
        write(folder / f"{name}.wav", tone(genre, random))
