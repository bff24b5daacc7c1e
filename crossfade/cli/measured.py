"""Runs a command and writes down what it used: python measured.py USAGE_FILE COMMAND...

A process of its own, and a small one: Linux counts the memory of the process that starts another as memory of
the one that is started. It imports no package.
"""

import json
import resource
import signal
import subprocess
import sys

RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024  # getrusage(2): KiB on Linux, bytes on macOS
SHELL_SIGNALS = 128  # a shell reports a child ended by signal n as 128 + n


def main() -> int:
    """Run the command and return its exit code, as a shell would."""
    # A signal is meant for the command, which gets it too; this process ends when the command has.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    code = subprocess.call(sys.argv[2:])
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = {
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_rss_bytes": usage.ru_maxrss * RSS_UNIT_BYTES,
    }
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(used, file)
    return code if code >= 0 else SHELL_SIGNALS - code


if __name__ == "__main__":
    sys.exit(main())
