"""One step of a local run, as a process: KFP's executor, started as `python -m crossfade.cli.step ARGUMENT...`."""

import runpy

from crossfade.cli.collecting import collect_rarely

if __name__ == "__main__":
    collect_rarely()
    runpy.run_module("kfp.dsl.executor_main", run_name="__main__", alter_sys=True)
