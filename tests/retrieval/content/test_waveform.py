"""The network hears planted tones: a genre is a pitch, so a new track's file tells its genre."""

from pathlib import Path

import numpy as np
import pytest

from crossfade.retrieval.content.clips import LENGTH
from crossfade.retrieval.content.combination import Combination
from crossfade.retrieval.content.known import Known
from crossfade.retrieval.content.waveform import mel_spectrograms
from crossfade.retrieval.content.waveform_path import WaveformPath
from crossfade.schema import columns as c
from tests.retrieval.content.planted import known, rows_of
from tests.retrieval.content.tones import PITCHES_HZ, tone, write_planted

NEW = tuple({"track_id": f"x_{genre}"} for genre in range(4))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audio")
    write_planted(path, *((f"x_{genre}", genre) for genre in range(4)))
    return path


@pytest.fixture(scope="module")
def world() -> Known:
    return known(*NEW, {"track_id": "x_silent"})


@pytest.fixture(scope="module")
def fitted(world: Known, folder: Path) -> Combination:
    return Combination.fit(world, 0, str(folder))


def test_a_higher_tone_sounds_in_a_higher_band() -> None:
    random = np.random.default_rng(0)
    heard = mel_spectrograms(np.stack([np.resize(tone(genre, random, 5.0), LENGTH) for genre in range(4)]))
    loudest = heard.mean(axis=1).argmax(axis=1)
    assert (np.diff(loudest) > 0).all()
    assert len(PITCHES_HZ) == 4
    assert mel_spectrograms(np.zeros((0, LENGTH), np.float32)).shape == (0, *heard.shape[1:])


def test_a_new_tracks_file_tells_its_genre(fitted: Combination, world: Known) -> None:
    tracks = rows_of(world, "x_2", "x_0", "x_silent", "x_3", "x_1")
    found = fitted.paths[c.WAVEFORM].vectors(world, tracks)
    assert found[[0, 1, 3, 4], :4].argmax(axis=1).tolist() == [2, 0, 3, 1]
    assert found[[0, 1, 3, 4], :4].max(axis=1).min() > 0.7
    assert not found[2].any()
    together, strongest = fitted.vectors(world, tracks)
    assert together[[0, 1, 3, 4], :4].argmax(axis=1).tolist() == [2, 0, 3, 1]
    assert [c.VECTOR_PATHS[code] for code in strongest[[0, 1, 3, 4]]] == [c.WAVEFORM] * 4
    assert strongest[2] == -1


def test_a_loaded_network_listens_once_it_is_told_where(
    fitted: Combination, world: Known, folder: Path, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "paths")
    loaded = Combination.load(tmp_path / "paths")
    tracks = rows_of(world, "x_0", "x_1")
    assert not loaded.paths[c.WAVEFORM].vectors(world, tracks).any()
    told = loaded.listening_to(folder)
    expected = fitted.paths[c.WAVEFORM].vectors(world, tracks)
    np.testing.assert_allclose(told.paths[c.WAVEFORM].vectors(world, tracks), expected, atol=1e-5)
    told.save(tmp_path)
    assert (tmp_path / "waveform.npz").read_bytes() == (tmp_path / "paths" / "waveform.npz").read_bytes()


def test_too_few_files_leave_the_path_silent(
    world: Known, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    silent = WaveformPath(tmp_path).refit(world)
    assert silent.network is None
    assert "0 audio files of learnt tracks are too few to learn from." in caplog.messages
    silent.save(tmp_path)
    assert WaveformPath().load(tmp_path).network is None
    assert not silent.vectors(world, world.rows[:3]).any()
