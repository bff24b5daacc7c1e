"""List what is in an image as a CycloneDX 1.5 document: Python distributions and Debian packages.

Run inside of the image: `python sbom.py NAME > NAME.cdx.json`. Nothing but the standard library is needed, and equal
images give equal bytes: there is no time and no serial number in it.
"""

import json
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

STATUS = Path("/var/lib/dpkg/status")


def python_packages() -> Iterator[dict[str, Any]]:
    """Yield a component for each distribution that this Python can import."""
    for distribution in distributions():
        name, version = distribution.metadata["Name"], distribution.version
        yield component(name, version, f"pkg:pypi/{name.lower().replace('_', '-')}")


def debian_packages(status: Path = STATUS) -> Iterator[dict[str, Any]]:
    """Yield a component for each package that dpkg has installed; none where there is no dpkg."""
    text = status.read_text("utf-8") if status.is_file() else ""
    for paragraph in text.split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in paragraph.splitlines() if line[:1].isalpha() and ": " in line
        )
        if fields.get("Status") == "install ok installed":
            yield component(fields["Package"], fields["Version"], f"pkg:deb/debian/{fields['Package']}")


def component(name: str, version: str, purl: str) -> dict[str, Any]:
    """Return a component as CycloneDX writes it."""
    return {"type": "library", "name": name, "version": version, "purl": f"{purl}@{quote(version)}"}


def document(name: str, components: Iterator[dict[str, Any]]) -> str:
    """Return the document of an image."""
    listed = sorted({each["purl"]: each for each in components}.values(), key=lambda each: str(each["purl"]))
    about = {"component": {"type": "container", "name": name}}
    body = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": about,
        "components": listed,
    }
    return json.dumps(body, indent=1) + "\n"


if __name__ == "__main__":
    found = [*python_packages(), *debian_packages()]
    sys.stdout.write(document(sys.argv[1], iter(found)))
