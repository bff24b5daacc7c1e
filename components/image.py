"""The one place that names the image of all components, and the code that is in it.

KFP's caches key a step by its image and arguments, not by the code inside the image. So what runs is
never a bare release tag: `crossfade run` and `crossfade submit` stamp the tag with a hash of the package's
content, and an edit of any file asks for new results. The committed YAML keeps the release tag, since
otherwise every edit anywhere would change it.
"""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

REPOSITORY: Final = "crossfade/pipeline"
VERSION: Final = version("crossfade")
IMAGE: Final = f"{REPOSITORY}:{VERSION}"

_ROOT: Final = Path(__file__).parent.parent
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
    """Return release and content hash: the name of a pipeline version and the tag of its image."""
    return f"{VERSION}-{content_hash()}"


def stamped_image() -> str:
    """Return the image that holds exactly this code."""
    return f"{REPOSITORY}:{code_version()}"
