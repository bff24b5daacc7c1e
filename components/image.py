"""The one place that names the image of all components, and the code that is in it.

KFP's caches key a step by its image and arguments, not by the code inside the image. So what runs is
never a bare release tag: `crossfade run` and `crossfade submit` stamp the tag with a hash of the package's
content, and an edit of any file asks for new results. The committed YAML keeps the release tag, since
otherwise every edit anywhere would change it.
"""

from typing import Final

from crossfade.schema.code import VERSION, code_version

REPOSITORY: Final = "crossfade/pipeline"
IMAGE: Final = f"{REPOSITORY}:{VERSION}"


def stamped_image() -> str:
    """Return the image that holds exactly this code."""
    return f"{REPOSITORY}:{code_version()}"
