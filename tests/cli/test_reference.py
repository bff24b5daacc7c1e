"""docs/cli.md is what the commands say."""

import subprocess
import sys
from pathlib import Path

from crossfade.cli.main import COMMANDS

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_what_the_commands_say() -> None:
    # In a process of its own: click keeps the help option of a command's first call, and other tests call commands alone.
    command = [sys.executable, "-m", "crossfade.cli.reference"]
    page = subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout
    assert all(f"## crossfade {name}\n" in page for name in COMMANDS)
    assert PAGE.read_text("utf-8") == page, "renew it: python -m crossfade.cli.reference > docs/cli.md"
