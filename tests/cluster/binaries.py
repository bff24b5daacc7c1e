"""The programs of Kubernetes that `make kubernetes` builds, where it has."""

import os
import re
import shutil
from pathlib import Path
from typing import Final

MODULE: Final = Path(__file__).parent / "server" / "go.mod"


def version() -> str:
    """Return the release of Kubernetes that go.mod names, without its v."""
    found = re.search(r"^require k8s\.io/kubernetes v(\S+)$", MODULE.read_text("utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


def directory() -> Path:
    """Return where the programs are kept, outside of the repository, as other servers of tests are."""
    caches = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return caches / "crossfade-tests" / f"kubernetes-{version()}"


def why_not() -> str:
    """Return why no API server can run here, "" if it can."""
    missing = [name for name in ("kube-apiserver", "kubectl") if not (directory() / name).is_file()]
    if missing:
        return f"{' and '.join(missing)} were not built; with Go at hand run: make kubernetes"
    return "" if shutil.which("etcd") else "etcd is not installed; run: make system"


def kubectl() -> str:
    """Return the kubectl that was built, else that of the PATH, else ""."""
    built = directory() / "kubectl"
    return str(built) if built.is_file() else shutil.which("kubectl") or ""
