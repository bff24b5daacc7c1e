"""Steps as forks: each has an environment, folder and end of its own; what is missing is told by whom it concerns."""

import os
import signal
from pathlib import Path
from queue import Empty

import pytest

from crossfade.cli.forking import forker, started
from crossfade.schema.errors import CrossfadeError
from tests.cli.forked import ended, step


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_step_has_its_own_environment_folder_and_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELSEWHERE", "x")  # of this process, and not of the step's
    told = "import os\nget = os.environ.get\nprint(get('ELSEWHERE'), get('HERE'), os.getcwd(), os.getsid(0) == os.getpid())"
    code, lines = ended(step(told, HERE="1"))
    assert (code, lines[-2]) == (0, f"None 1 {Path.cwd()} True")
    assert "None None" in ended(step(told))[1][-2]


def test_what_one_step_imports_is_there_for_the_next() -> None:
    told = "import faulthandler, sys\nprint('wave' in sys.modules, faulthandler.is_enabled())"
    assert ended(step(told))[1][-2] == "False False"
    assert ended(step(told, imports=("wave", "faulthandler:enable")))[1][-2] == "True True"
    assert ended(step(told))[1][-2] == "True True"


def test_an_import_that_fails_is_the_steps_to_tell() -> None:
    code, lines = ended(step("import no_such_module", imports=("no_such_module", "json:no_such")))
    assert code == 1
    assert lines[-1] == "ModuleNotFoundError: No module named 'no_such_module'"


def test_ends_and_use_are_told() -> None:
    assert ended(step("raise SystemExit(7)"))[0] == 7
    sleeper = forker().start(step("import time\ntime.sleep(60)", "sleeper"))
    with pytest.raises(Empty):
        sleeper.wait(0.05)
    os.killpg(sleeper.pid, signal.SIGTERM)
    assert sleeper.wait()[0] == -signal.SIGTERM
    heavy = "block = b'x' * (512 << 20)\nsum(range(3_000_000))"
    _, used = forker().start(step(heavy)).wait()
    assert used["peak_rss_bytes"] > 512 << 20
    assert used["cpu_seconds"] > 0.05


def test_steps_run_side_by_side() -> None:
    waits = "import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.01)"
    waiting = [forker().start(step(waits, name)) for name in ("one", "two")]
    assert ended(step("open('go', 'w')", "three"))[0] == 0
    assert [each.wait()[0] for each in waiting] == [0, 0]


def test_its_own_end_is_told_once_and_for_all() -> None:
    own = started()
    left = own.start(step("import time\ntime.sleep(60)"))
    own.process.kill()
    try:
        with pytest.raises(CrossfadeError, match=r"The process that starts steps is gone; run this again\."):
            left.wait()
        with pytest.raises(CrossfadeError, match="is gone"):
            own.start(step("pass"))
    finally:
        os.killpg(left.pid, signal.SIGKILL)
        own.close()
