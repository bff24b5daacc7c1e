"""A process that is started with huge pages asks Linux for them, and who says otherwise is heard."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from crossfade.schema.memory import TUNABLES, with_huge_pages

MANY_KIB = 64 << 10
TOLD = f"made = bytearray({MANY_KIB} << 10)\nprint(open('/proc/self/smaps').read())"


ENABLED = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def are_asked_for() -> bool:
    name, version = platform.libc_ver()
    is_new = name == "glibc" and tuple(map(int, version.split("."))) >= (2, 35)
    return is_new and ENABLED.is_file() and "[madvise]" in ENABLED.read_text("utf-8")


@pytest.mark.skipif(
    not are_asked_for(), reason="this Linux has huge pages for all or for none, or an older glibc"
)
def test_memory_is_advised_to_be_huge() -> None:
    plain = {name: value for name, value in os.environ.items() if name != TUNABLES}
    assert "hg" not in flags_of_the_largest(plain)
    assert "hg" in flags_of_the_largest(with_huge_pages(plain))


def flags_of_the_largest(environment: dict[str, str]) -> list[str]:
    command = [sys.executable, "-c", TOLD]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^Size: +(\d+) kB.*?^VmFlags: (.*?)$", told, re.MULTILINE | re.DOTALL)
    size, flags = max((int(size), flags) for size, flags in found)
    assert size >= MANY_KIB
    return flags.split()


def test_what_the_environment_says_stays() -> None:
    assert with_huge_pages({"HOME": "/"}) == {"HOME": "/", TUNABLES: "glibc.malloc.hugetlb=1"}
    other = {TUNABLES: "glibc.malloc.perturb=1"}
    assert with_huge_pages(other)[TUNABLES] == "glibc.malloc.perturb=1:glibc.malloc.hugetlb=1"
    against = {TUNABLES: "glibc.malloc.hugetlb=0"}
    assert with_huge_pages(against) == against
