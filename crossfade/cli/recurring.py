"""A pipeline on a schedule of a Kubeflow server: what is there is compared with what is wanted, then changed."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from crossfade.cli.kubeflow import Server, Wanted, named

PAGE: Final = 100
ENABLED: Final = "ENABLED"
# A run that is late does not run for each time that was missed, and waits for the one before it.
AT_ONCE: Final = 1
SECONDS: Final = "0 "  # Kubeflow's schedules begin with a field that crontabs do not have


class Scheduled(NamedTuple):
    """What came of it: `unchanged`, `scheduled`, `rescheduled` or `paused`, and the server's id, empty without a run."""

    outcome: str
    run_id: str


def schedule(server: Server, name: str, cron: str, wanted: Wanted) -> Scheduled:
    """Let the server run a pipeline on a schedule, and nothing else under that name.

    Doing it again changes nothing. What differs is replaced: the new one is made before the others are disabled, so that
    a command that is killed between leaves two, of which the next one disables the old. They are not deleted, since a
    run at work belongs to its recurring run and would end with it.

    Args:
        server: Where.
        name: Display name of the recurring run; tells it from others of the experiment.
        cron: Five fields of a crontab; empty disables what is there.
        wanted: What is run.
    """
    experiment = server.experiment(wanted.experiment)
    enabled = [run for run in _known(server, experiment, name) if run.status == ENABLED]
    equal = [run for run in enabled if cron and _tells(run) == _told(cron, wanted)]
    kept = (
        equal[0].recurring_run_id if equal else _made(server, experiment, name, cron, wanted) if cron else ""
    )
    others = [run for run in enabled if run.recurring_run_id != kept]
    for run in others:
        server.client.disable_recurring_run(run.recurring_run_id)
    if not cron:
        return Scheduled("paused" if others else "unchanged", "")
    return Scheduled("rescheduled" if others else "unchanged" if equal else "scheduled", str(kept))


def _known(server: Server, experiment: str, name: str) -> Iterator[Any]:
    token = ""
    while True:
        page = server.client.list_recurring_runs(
            page_token=token, page_size=PAGE, experiment_id=experiment, filter=named(name)
        )
        yield from page.recurring_runs or []
        token = page.next_page_token
        if not token:
            return


def _told(cron: str, wanted: Wanted) -> tuple[object, ...]:
    arguments = dict(wanted.arguments)
    return wanted.version.version_id, SECONDS + cron, arguments, _description(wanted), AT_ONCE, True


def _tells(run: Any) -> tuple[object, ...]:
    """Return of a recurring run on the server what `_told` says of one that is wanted."""
    reference, trigger, config = run.pipeline_version_reference, run.trigger, run.runtime_config
    return (
        reference and reference.pipeline_version_id,
        trigger and trigger.cron_schedule and trigger.cron_schedule.cron,
        (config and config.parameters) or {},
        run.description,
        int(run.max_concurrency or 0),
        bool(run.no_catchup),
    )


def _description(wanted: Wanted) -> str:
    # Of the account, too, since the server tells its own where none was asked for.
    account = wanted.service_account or "the server's account"
    return f"version {wanted.version.name} of {wanted.version.pipeline} as {account}"


def _made(server: Server, experiment: str, name: str, cron: str, wanted: Wanted) -> str:
    made = server.client.create_recurring_run(
        experiment,
        name,
        description=_description(wanted),
        cron_expression=SECONDS + cron,
        max_concurrency=AT_ONCE,
        no_catchup=True,
        params=dict(wanted.arguments),
        pipeline_id=wanted.version.pipeline_id,
        version_id=wanted.version.version_id,
        service_account=wanted.service_account or None,
    )
    return str(made.recurring_run_id)
