"""The list of what is in an image: every distribution and Debian package once, equal inputs equal bytes."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

SBOM = Path(__file__).parents[2] / "containers" / "sbom.py"


def test_it_lists_distributions_and_debian_packages_once() -> None:
    command = [sys.executable, "-I", str(SBOM), "crossfade/pipeline"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    document = json.loads(text)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.5")
    assert document["metadata"] == {"component": {"type": "container", "name": "crossfade/pipeline"}}
    purls = [component["purl"] for component in document["components"]]
    assert f"pkg:pypi/click@{version('click')}" in purls
    assert purls == sorted(set(purls))
    if Path("/var/lib/dpkg/status").is_file():
        assert any(purl.startswith("pkg:deb/debian/libc6@") for purl in purls)


def test_only_installed_debian_packages_are_listed(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text(
        "Package: zlib1g\nStatus: install ok installed\nVersion: 1:1.2.13\nDescription: compression\n more: words\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n"
    )
    code = (
        f"import runpy, pathlib; sbom = runpy.run_path({str(SBOM)!r});"
        f"print(*(each['purl'] for each in sbom['debian_packages'](pathlib.Path({str(status)!r}))))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["pkg:deb/debian/zlib1g@1%3A1.2.13"]
