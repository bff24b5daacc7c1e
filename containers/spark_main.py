"""The `crossfade` command as a file, which is what Spark's driver is given: local:///opt/spark_main.py."""

import sys

from crossfade.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
