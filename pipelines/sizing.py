"""What a task may cost and whether its result may be reused, so that a line of wiring says both."""

from typing import Any, Final, NamedTuple


class Size(NamedTuple):
    """Requests of CPU and memory as Kubernetes writes them."""

    cpu: str
    memory: str


# For a lake of about 100 M listens; a larger one raises them in its own copy of the pipeline's YAML.
SMALL: Final = Size("1", "4G")  # looks, decides, notes
MEDIUM: Final = Size("4", "16G")  # reads and writes all interactions
LARGE: Final = Size("8", "32G")  # trains or evaluates
# Recommends to a shard, which keeps to one core whatever there are (`crossfade/schema/cores.py`).
ONE_CORE: Final = Size("1", "8G")


def sized(task: Any, size: Size, *, retries: int = 2, is_reused: bool = True) -> Any:
    """Request CPU and memory for a task, try it again with growing pauses, say whether its result is reused.

    Steps leave whole results or none, so trying again is always safe. On one machine only `is_reused` has an
    effect: a step that fails there ends the run, and the same command goes on from it.
    """
    task.set_cpu_request(size.cpu).set_memory_request(size.memory)
    task.set_retry(retries, backoff_duration="30s", backoff_factor=2.0, backoff_max_duration="600s")
    return task.set_caching_options(is_reused)
