"""Memory in huge pages: tables that are read here and there cost a search for the page at nearly every read.

A page of 2 MiB is found as fast as one of 4 KiB, and there are five hundred times fewer. glibc asks Linux for them
(`madvise`) where its tunable says so when a process starts; NumPy does so by itself, for arrays of 4 MiB and more. That is for
Linux whose `/sys/kernel/mm/transparent_hugepage/enabled` is `madvise`, and glibc 2.35 or newer; elsewhere nothing changes.
"""

from collections.abc import Mapping
from typing import Final

TUNABLES: Final = "GLIBC_TUNABLES"
HUGE_PAGES: Final = "glibc.malloc.hugetlb"


def with_huge_pages(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment whose processes have their memory in huge pages; one that says otherwise stays as it is."""
    told = environment.get(TUNABLES, "")
    if HUGE_PAGES in told:
        return dict(environment)
    return {**environment, TUNABLES: ":".join(filter(None, (told, f"{HUGE_PAGES}=1")))}
