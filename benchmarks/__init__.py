"""One file per figure that the docs quote; run one with `crossfade bench NAME`.

A benchmark is a module (or package) of this folder whose docstring's first line says what it measures, with
`run(options: Options) -> Result`. It states what it compares with and runs both sides in turn in one run.
"""
