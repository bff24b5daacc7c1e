"""Tasks of rankers: a place means the same in all of them."""

from crossfade.schema.tasks import DISCOVERY, NEXT_TRACK, TASKS


def test_the_radios_sources_and_features_begin_with_those_of_discovery() -> None:
    for wide, narrow in (
        (NEXT_TRACK.sources, DISCOVERY.sources),
        (NEXT_TRACK.features, DISCOVERY.features),
    ):
        assert wide[: len(narrow)] == narrow
        assert len(set(wide)) == len(wide) > len(narrow)
    assert {f"{source}_rank" for source in NEXT_TRACK.sources} <= set(NEXT_TRACK.features)


def test_tasks_are_found_by_name() -> None:
    assert TASKS == {"discovery": DISCOVERY, "next_track": NEXT_TRACK}
