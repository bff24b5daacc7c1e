"""What a track and a listener add follows from three worlds."""

import pytest

from benchmarks.capacity import SIZES, Held, Size, each_adds


def test_a_track_and_a_listener_add_what_the_worlds_differ_by() -> None:
    sizes = Size(1_000, 100), Size(3_000, 100), Size(1_000, 600)
    # 2,000 tracks more hold 4,000 KiB more and 1,000 KiB more on disk; 500 listeners more 250 KiB and 50.
    worlds = (
        Held(900, 7_000),
        Held(900 + 1_000 * 1024, 7_000 + 4_000 * 1024),
        Held(900 + 50 * 1024, 7_000 + 250 * 1024),
    )
    assert each_adds(*worlds, sizes=sizes) == pytest.approx(
        {
            "track_memory_kib": 2,
            "track_disk_kib": 0.5,
            "listener_memory_kib": 0.5,
            "listener_disk_kib": 0.1,
        }
    )


def test_each_world_differs_from_the_first_in_one_number() -> None:
    base, tracks, listeners = SIZES
    assert tracks.num_tracks > base.num_tracks
    assert tracks.num_users == base.num_users
    assert listeners.num_users > base.num_users
    assert listeners.num_tracks == base.num_tracks
