"""What each container image holds of Python: packages and their bytes, as they are installed here.

No image is built: `containers/Dockerfile` says which extras each has, and what these bring is followed through the
metadata of what is installed. The base, Debian's packages and our own code come on top; layers are compressed on their way.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.harness import Options, Result
from crossfade.schema.errors import NotFoundError

ROOT: Final = Path(__file__).parents[1]
GIB: Final = 1 << 30
INSTALLED: Final = re.compile(r'AS build-(\w+)\nRUN pip install --no-build-isolation "\.\[([\w,]+)\]"')


def run(options: Options) -> Result:
    """Add up the files of every image's packages.

    Raises:
        NotFoundError: A package that an image needs is not installed here.
    """
    figures: dict[str, float | int | str | bool] = {"quick": options.quick}
    for image, extras in image_extras().items():
        packages = brought_by(extras)
        figures[f"{image}_packages"] = len(packages)
        figures[f"{image}_gib"] = round(sum(map(num_bytes, packages.values())) / GIB, 2)
    notes = [
        "Python packages of each image as installed here; nothing is built, and base and Debian are not counted."
    ]
    return Result(figures, notes=notes)


def image_extras() -> dict[str, list[str]]:
    """Return image -> extras, as the Dockerfile installs them."""
    text = (ROOT / "containers" / "Dockerfile").read_text("utf-8")
    return {image: told.split(",") for image, told in INSTALLED.findall(text)}


def brought_by(extras: Iterable[str]) -> Mapping[str, Distribution]:
    """Return every distribution that Crossfade with these extras needs, by its canonical name.

    Raises:
        NotFoundError: One is not installed here.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    told = [
        *project["dependencies"],
        *(name for extra in extras for name in project["optional-dependencies"][extra]),
    ]
    waiting, seen, found = list(map(Requirement, told)), set(), dict[str, Distribution]()
    while waiting:
        wanted = waiting.pop()
        key = canonicalize_name(wanted.name), frozenset(wanted.extras)
        if key in seen:
            continue
        seen.add(key)
        try:
            found[key[0]] = distribution(wanted.name)
        except PackageNotFoundError as error:
            raise NotFoundError(
                f"{wanted.name} is not installed; install all extras: make install."
            ) from error
        for requirement in map(Requirement, found[key[0]].requires or ()):
            chosen = wanted.extras or {""}
            if requirement.marker is None or any(
                requirement.marker.evaluate({"extra": name}) for name in chosen
            ):
                waiting.append(requirement)
    return found


def num_bytes(package: Distribution) -> int:
    """Return the bytes of a distribution's files."""
    places = (Path(str(file.locate())) for file in package.files or ())
    return sum(place.stat().st_size for place in places if place.is_file())
