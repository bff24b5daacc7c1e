"""docs/cli.md is what the commands say."""

from pathlib import Path

from crossfade.cli.main import COMMANDS
from crossfade.cli.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_what_the_commands_say() -> None:
    page = reference()
    assert all(f"## crossfade {name}\n" in page for name in COMMANDS)
    assert PAGE.read_text("utf-8") == page, "renew it: python -m crossfade.cli.reference > docs/cli.md"
