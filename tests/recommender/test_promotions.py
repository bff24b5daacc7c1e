import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crossfade.recommender.promotions import PromotionLog
from crossfade.schema.errors import CrossfadeError, IntegrityError, NotFoundError


@pytest.fixture
def log(tmp_path: Path) -> PromotionLog:
    return PromotionLog(tmp_path / "promotions.jsonl")


def promote(log: PromotionLog, digest: str, run_id: str = "run") -> None:
    log.promote(digest, reason="Better recall.", run_id=run_id, evaluation={"recall": 0.5})


def test_champion_is_the_last_promoted(log: PromotionLog) -> None:
    assert log.champions() == []
    promote(log, "aaa")
    promote(log, "bbb")
    assert log.champions() == ["aaa", "bbb"]
    last = log.lines()[-1]
    assert (last.action, last.digest, last.previous, last.reason) == (
        "promote",
        "bbb",
        "aaa",
        "Better recall.",
    )
    assert last.evaluation == {"recall": 0.5}
    assert last.code_version
    assert last.time.endswith("+00:00")


@pytest.mark.parametrize(("reigning", "found"), [("", "none"), ("aaa", "aaa"), ("ccc", "ccc")])
def test_a_bundle_takes_the_place_only_of_whom_it_was_judged_against(
    log: PromotionLog, reigning: str, found: str
) -> None:
    promote(log, "aaa")
    promote(log, "bbb")
    about = {"reason": "Better.", "run_id": "run-2", "evaluation": {}}
    with pytest.raises(
        CrossfadeError, match=f"ddd was judged against champion {found}, but the champion is bbb"
    ):
        log.promote("ddd", reigning=reigning, **about)
    assert log.promote("ddd", reigning="bbb", **about).previous == "bbb"
    assert log.promote("ddd", reigning="bbb", **about).previous == "bbb"
    assert log.champions() == ["aaa", "bbb", "ddd"]


def test_a_first_model_takes_nobodys_place(log: PromotionLog) -> None:
    about = {"reason": "First.", "run_id": "run-1", "evaluation": {}}
    with pytest.raises(CrossfadeError, match="judged against champion aaa, but the champion is none by now"):
        log.promote("bbb", reigning="aaa", **about)
    assert log.promote("bbb", reigning="", **about).previous is None


def test_refusal_leaves_the_champion(log: PromotionLog) -> None:
    promote(log, "aaa")
    log.refuse("bbb", reason="Worse for new users.", run_id="run-2", evaluation={})
    assert log.champions() == ["aaa"]
    assert (log.lines()[-1].action, log.lines()[-1].previous) == ("refuse", "aaa")


def test_the_same_decision_again_adds_no_line(log: PromotionLog) -> None:
    promote(log, "aaa")
    log.refuse("bbb", reason="Worse.", run_id="run-2", evaluation={})
    promote(log, "aaa", run_id="run-3")
    again = log.refuse("bbb", reason="Worse.", run_id="run-2", evaluation={})
    assert len(log.lines()) == 2
    assert again == log.lines()[-1]
    log.refuse("bbb", reason="Worse still.", run_id="run-4", evaluation={})
    assert len(log.lines()) == 3


def test_rollbacks_lead_further_and_further_back(log: PromotionLog) -> None:
    for digest in ("aaa", "bbb", "ccc"):
        promote(log, digest)
    back = log.rollback(reason="Complaints.", run_id="operator")
    assert (back.digest, back.previous) == ("bbb", "ccc")
    assert log.rollback(reason="More complaints.", run_id="operator").digest == "aaa"
    promote(log, "ccc")
    assert log.champions() == ["aaa", "ccc"]
    assert [line.action for line in log.lines()] == ["promote"] * 3 + ["rollback"] * 2 + ["promote"]


def test_a_replaced_bundle_stands_wherever_the_old_one_stood(log: PromotionLog) -> None:
    for digest in ("aaa", "bbb", "ccc"):
        promote(log, digest)
    for _ in range(2):
        log.replace("bbb", "new", reason="Without somebody.", run_id="erased")
        log.replace("never", "new", reason="Without somebody.", run_id="erased")
    assert log.champions() == ["aaa", "new", "ccc"]
    assert [line.action for line in log.lines()] == ["promote"] * 3 + ["replace"]
    assert log.rollback(reason="Complaints.", run_id="operator").digest == "new"
    promote(log, "new")
    assert len(log.lines()) == 5


def test_rollback_without_an_earlier_champion(log: PromotionLog) -> None:
    with pytest.raises(NotFoundError, match=r"no earlier champion to roll back to: .* knows none"):
        log.rollback(reason="None.", run_id="operator")
    promote(log, "aaa")
    with pytest.raises(NotFoundError, match=r"knows \['aaa'\]"):
        log.rollback(reason="None.", run_id="operator")
    assert log.champions() == ["aaa"]


def test_torn_last_line_is_no_promotion_and_is_replaced(log: PromotionLog) -> None:
    promote(log, "aaa")
    whole = log.path.read_bytes()
    promote(log, "bbb")
    line = log.path.read_bytes()[len(whole) :]
    for torn in (line[:1], line[:40], line[:-1]):  # up to all but the newline
        log.path.write_bytes(whole + torn)
        assert log.champions() == ["aaa"]
        promote(log, "ccc")
        assert [json.loads(text)["digest"] for text in log.path.read_text("utf-8").splitlines()] == [
            "aaa",
            "ccc",
        ]


def test_damaged_earlier_line_is_refused(log: PromotionLog) -> None:
    promote(log, "aaa")
    promote(log, "bbb")
    damaged = log.path.read_bytes().replace(b'{"time"', b'["time"', 1)
    log.path.write_bytes(damaged)
    with pytest.raises(IntegrityError, match=r"line 1 is damaged .* restore the file"):
        log.champions()
    with pytest.raises(IntegrityError, match="line 1 is damaged"):
        promote(log, "ccc")
    assert log.path.read_bytes() == damaged


LIMITED = """
import resource, sys
from pathlib import Path
from crossfade.recommender.promotions import PromotionLog
from crossfade.schema.errors import CrossfadeError
log = PromotionLog(Path(sys.argv[1]))
size = log.path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, size + 50))
try:
    log.promote("b" * 64, reason="Better.", run_id="run-2", evaluation={})
except CrossfadeError as error:
    print(error)
"""


def test_full_disk_leaves_the_champion(log: PromotionLog) -> None:
    promote(log, "aaa")
    before = log.path.read_bytes()
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, str(log.path)], capture_output=True, text=True, check=True
    )
    assert "could not be written" in run.stdout
    assert "The champion is unchanged; free space" in run.stdout
    assert log.path.read_bytes()[: len(before)] == before
    assert log.champions() == ["aaa"]
    promote(log, "bbb")
    assert log.champions() == ["aaa", "bbb"]


ENDLESS = """
import sys
from pathlib import Path
from crossfade.recommender.promotions import PromotionLog
log = PromotionLog(Path(sys.argv[1]))
number = 0
while True:
    log.promote(f"{number:064d}", reason="r" * 2000, run_id="run", evaluation={})
    number += 1
    print(number, flush=True)
"""


def test_a_killed_writer_loses_nothing_it_reported(log: PromotionLog) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(log.path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    reported = 0
    while reported < 20:
        reported = int(writer.stdout.readline())
    os.kill(writer.pid, signal.SIGKILL)
    rest = writer.stdout.read().split()
    writer.wait()
    writer.stdout.close()
    reported = int(rest[-1]) if rest else reported
    assert len(log.champions()) >= reported
    promote(log, "aaa")
    assert log.champions()[-1] == "aaa"


def test_two_writers_do_not_overwrite_each_other(log: PromotionLog) -> None:
    code = ENDLESS.replace("while True", "while number < 30").replace("number:064d", "sys.argv[2]}{number")
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(log.path), name], stdout=subprocess.DEVNULL)
        for name in "ab"
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    champions = log.champions()
    assert [digest for digest in champions if digest[0] == "a"] == [f"a{number}" for number in range(30)]
    assert len(champions) == 60
    previous = [line.previous for line in log.lines()]
    assert previous == [None, *champions[:-1]]
