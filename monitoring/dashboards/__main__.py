"""Write the dashboards again after `boards.py` was changed: `python -m monitoring.dashboards`."""

from pathlib import Path

from monitoring.dashboards.boards import BOARDS
from monitoring.dashboards.build import as_json


def main(directory: Path = Path(__file__).parent) -> None:
    """Write one JSON file a dashboard into a directory; the default is the committed one."""
    for board in BOARDS:
        (directory / f"{board.name}.json").write_text(as_json(board), "utf-8")


if __name__ == "__main__":
    main()
