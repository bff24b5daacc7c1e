"""What spark-submit starts: the command line, in a process that Spark has prepared."""

import sys

from crossfade.cli.main import main

sys.exit(main())
