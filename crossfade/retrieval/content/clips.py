"""Clips of audio files: mono, one sampling rate, one length; where each track's file is."""

import wave
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import Floats
from crossfade.schema.errors import InputError, MissingExtraError, NotFoundError
from crossfade.schema.ids import Rows

# Half of what telephones carry is enough to tell instruments and beats, and quick to learn from.
RATE: Final = 8000
SECONDS: Final = 5.0
LENGTH: Final = int(RATE * SECONDS)
WAV: Final = ".wav"
ENDINGS: Final = (WAV, ".flac")
NETWORK: Final = "waveform.npz"  # what learns from the clips is kept under this name
# How samples of so many bytes are written: their type, and what counts as 1.
KINDS: Final = {1: ("u1", 128.0), 2: ("<i2", 32_768.0), 4: ("<i4", 2.0**31)}


def files_of(catalogue: Catalogue, folder: Path) -> tuple[Rows, list[Path]]:
    """Find the audio of tracks: files named by track id, ending in `.wav` or `.flac`.

    Returns:
        Rows [n] int32 of the tracks that have a file, ascending, and the files.

    Raises:
        NotFoundError: There is no such folder.
    """
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder of audio files {folder}; correct two_tower.audio_folder.")
    files = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in ENDINGS}
    rows = catalogue.tracks.rows(list(files))
    found = sorted((int(row), path) for row, path in zip(rows, files.values(), strict=True) if row >= 0)
    return np.array([row for row, _ in found], np.int32), [path for _, path in found]


def read_clip(path: Path) -> Floats:
    """Return the middle 5 s of a file as [40,000] float32 in -1 to 1; what is shorter is filled with silence.

    Raises:
        MissingExtraError: A FLAC file needs `soundfile`.
        InputError: The file cannot be read.
    """
    samples, rate = _wav(path) if path.suffix.lower() == WAV else _by_soundfile(path)
    wanted = int(rate * SECONDS)
    first = max((len(samples) - wanted) // 2, 0)
    return resampled(samples[first : first + wanted], rate)


def resampled(samples: Floats, rate: int) -> Floats:
    """Return samples [n] of another rate as [40,000] float32, by linear interpolation, filled with silence."""
    moments = np.arange(LENGTH) / RATE
    there = np.arange(len(samples)) / rate
    if not len(samples):
        return np.zeros(LENGTH, np.float32)
    return np.asarray(np.interp(moments, there, samples, right=0.0), np.float32)


def _wav(path: Path) -> tuple[Floats, int]:
    try:
        with wave.open(str(path)) as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            written = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise InputError(f"{path} cannot be read as WAV: {error or type(error).__name__}.") from error
    if width not in KINDS:
        raise InputError(f"{path} has samples of {width} bytes; needed 1, 2 or 4: write it as 16-bit WAV.")
    kind, most = KINDS[width]
    whole = len(written) // (width * channels) * (width * channels)
    samples = np.frombuffer(written[:whole], kind).reshape(-1, channels).astype(np.float32).mean(axis=1)
    return (samples / most - (width == 1)).astype(np.float32), rate


def _by_soundfile(path: Path) -> tuple[Floats, int]:
    if find_spec("soundfile") is None:
        raise MissingExtraError("soundfile", "audio")
    import soundfile

    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    return samples.mean(axis=1), rate
