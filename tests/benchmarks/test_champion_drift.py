"""Days with an alarm are counted once, however much strays on them; of the champion's are those that no listening has."""

from benchmarks.champion_drift import is_of_champion, result
from benchmarks.harness import Options
from monitoring.drift.judging import Verdict

DAYS = ["2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05"]


def verdict(strayed: dict[str, list[str]]) -> Verdict:
    alarms = [sum(day in on for on in strayed.values()) for day in DAYS]
    names = ["saves, country SE", "ndcg, everybody", "session_listens_log, surface radio"]
    nothing = {name: [0.0] * len(DAYS) for name in names}
    return Verdict(DAYS, 5.0, [], alarms, nothing, nothing, {}, len(names), strayed)


def test_what_listening_has_is_not_the_champions() -> None:
    assert not any(
        map(is_of_champion, ("saves, country SE", "skips, surface radio", "genres_unseen, everybody"))
    )
    assert all(
        map(is_of_champion, ("ndcg, everybody", "scores, surface radio", "user_listens_log, everybody"))
    )


def test_days_are_counted_once() -> None:
    both = {"saves, country SE": DAYS[:1], "ndcg, everybody": DAYS[:2], "scores, surface radio": DAYS[1:2]}
    found = result([verdict(both), verdict({})], [], Options())
    assert found.figures["quiet_days"] == 8
    assert found.figures["quiet_days_with_an_alarm"] == 2
    assert found.figures["quiet_days_with_an_alarm_of_the_champion"] == 2
    assert found.figures["series_of_the_champion"] == 2
    bar = found.bars["false_alarms_per_month"]
    assert bar.value == 2 / 8 * 30.4
    assert not bar.holds
    assert result([verdict({})], [], Options()).bars["false_alarms_per_month"].holds
