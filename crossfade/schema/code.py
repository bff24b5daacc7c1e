"""The code that runs, as a hash: what tells results of edited code from results of the same release before."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

VERSION: Final = version("crossfade")

_ROOT: Final = Path(__file__).parents[2]
_PACKAGES: Final = ("crossfade", "components", "pipelines")
_LEFT_OUT: Final = {"__pycache__", "compiled"}


@cache
def content_hash() -> str:
    """Return 12 hex digits of a SHA-256 over names and bytes of the package's files, not of compiled YAML."""
    digest = hashlib.sha256()
    files = (file for package in _PACKAGES for file in (_ROOT / package).rglob("*") if file.is_file())
    for file in sorted(files):
        parts = file.relative_to(_ROOT).parts
        if _LEFT_OUT.isdisjoint(parts):
            content = file.read_bytes()
            digest.update(f"{'/'.join(parts)}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()[:12]


def code_version() -> str:
    """Return release and content hash."""
    return f"{VERSION}-{content_hash()}"
