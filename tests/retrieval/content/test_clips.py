"""Audio files become clips of one rate and length, whatever they were written as."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from crossfade.retrieval.content import clips
from crossfade.retrieval.content.clips import LENGTH, RATE, files_of, read_clip, resampled
from crossfade.schema.errors import InputError, MissingExtraError, NotFoundError
from tests import builders
from tests.retrieval.content.tones import write

STEPS = np.sin(np.arange(8 * RATE) / 20).astype(np.float32) * 0.5


@pytest.mark.parametrize(("width", "channels"), [(1, 1), (2, 1), (2, 2), (4, 2)])
def test_the_middle_of_a_file_is_read(tmp_path: Path, width: int, channels: int) -> None:
    write(tmp_path / "t.wav", STEPS, channels=channels, width=width)
    clip = read_clip(tmp_path / "t.wav")
    assert (clip.shape, clip.dtype) == ((LENGTH,), np.float32)
    first = (len(STEPS) - LENGTH) // 2
    np.testing.assert_allclose(clip, STEPS[first : first + LENGTH], atol=1.5 / 2 ** (8 * width - 1) + 1e-6)


def test_short_files_end_in_silence_and_other_rates_are_resampled(tmp_path: Path) -> None:
    write(tmp_path / "t.wav", np.full(RATE, 0.5), rate=2 * RATE)
    clip = read_clip(tmp_path / "t.wav")
    np.testing.assert_allclose(clip[: RATE // 2], 0.5, atol=1e-3)
    assert not clip[RATE // 2 :].any()
    assert not resampled(np.zeros(0, np.float32), RATE).any()
    np.testing.assert_allclose(resampled(np.array([0, 1], np.float32), RATE // 2)[:3], [0, 0.5, 1])


def test_files_belong_to_tracks_by_name(tmp_path: Path) -> None:
    tracks = builders.catalogue([{"track_id": name} for name in "abc"])
    for name in ("c.wav", "a.flac", "stranger.wav", "b.txt"):
        (tmp_path / name).write_bytes(b"")
    rows, files = files_of(tracks, tmp_path)
    assert rows.tolist() == [0, 2]
    assert [file.name for file in files] == ["a.flac", "c.wav"]
    with pytest.raises(NotFoundError, match=r"There is no folder of audio files .*none; correct two_tower"):
        files_of(tracks, tmp_path / "none")


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"not audio at all")
    with pytest.raises(InputError, match=r"bad\.wav cannot be read as WAV: file does not start with RIFF id"):
        read_clip(bad)
    # 24-bit samples: 3 bytes each.
    about = struct.pack("<HHIIHH", 1, 1, RATE, 3 * RATE, 3, 24)
    content = b"WAVEfmt " + struct.pack("<I", 16) + about + b"data" + struct.pack("<I", 3) + b"abc\0"
    bad.write_bytes(b"RIFF" + struct.pack("<I", len(content)) + content)
    with pytest.raises(InputError, match=r"bad\.wav has samples of 3 bytes; needed 1, 2 or 4"):
        read_clip(bad)


def test_flac_needs_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "find_spec", lambda _name: None)
    (tmp_path / "t.flac").write_bytes(b"fLaC")
    with pytest.raises(MissingExtraError, match=r"soundfile is needed.*crossfade\[audio\]"):
        read_clip(tmp_path / "t.flac")


def test_flac_is_read_as_wav_is(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "t.flac", STEPS, RATE)
    write(tmp_path / "t.wav", STEPS)
    np.testing.assert_allclose(read_clip(tmp_path / "t.flac"), read_clip(tmp_path / "t.wav"), atol=1e-4)


def test_a_broken_flac_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.flac").write_bytes(b"fLaC")
    with pytest.raises(InputError, match=r"t\.flac cannot be read:"):
        read_clip(tmp_path / "t.flac")
