"""Jars of real servers, fetched once through Maven as it is set up here."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

FETCH_SECONDS: Final = 180
POM: Final = """<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>crossfade</groupId><artifactId>server</artifactId><version>1</version>
<dependencies><dependency><groupId>{group}</groupId><artifactId>{artefact}</artifactId><version>{version}</version>
</dependency></dependencies></project>
"""


def fetched(group: str, artefact: str, version: str) -> tuple[Path | None, str]:
    """Return the directory of an artefact's jars with all that it needs; else None and why.

    Args:
        group: For example org.apache.kafka.
        artefact: For example kafka_2.13.
        version: One and no range.
    """
    if shutil.which("java") is None or shutil.which("mvn") is None:
        return None, "java and mvn are not both installed"
    caches = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    name = artefact.partition("_")[0]  # without the version of Scala
    directory = caches / "crossfade-tests" / f"{name}-{version}"
    if directory.is_dir():
        return directory, ""
    partial = directory.with_name(f"{directory.name}.{os.getpid()}")
    partial.mkdir(parents=True)
    (partial / "pom.xml").write_text(POM.format(group=group, artefact=artefact, version=version), "utf-8")
    command = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={partial}"]
    try:
        subprocess.run(command, cwd=partial, check=True, capture_output=True, timeout=FETCH_SECONDS)
        partial.rename(directory)
    except (subprocess.SubprocessError, OSError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        if not directory.is_dir():
            return None, f"Maven could not fetch {artefact} {version}: {error}"
    return directory, ""
