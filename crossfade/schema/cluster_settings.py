"""Settings of a cluster: when pipelines run there, and where their steps do."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from crossfade.schema.section import Section

# Bounds of a crontab's fields: minute, hour, day of month, month, day of week (0 is Sunday).
CRON_FIELDS: Final = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day of month": (1, 31),
    "month": (1, 12),
    "day of week": (0, 6),
}
_PART: Final = re.compile(r"(?:\*|(\d+)(?:-(\d+))?)(?:/([1-9]\d*))?")
_NAME: Final = r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?"
_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9./_-]*[A-Za-z0-9])?"


def _cron(text: str) -> str:
    fields = text.split()
    if fields and len(fields) != len(CRON_FIELDS):
        about = {"fields": ", ".join(CRON_FIELDS), "number": len(fields)}
        raise PydanticCustomError("cron", "a schedule has 5 fields ({fields}), this one has {number}", about)
    for field, (name, (least, most)) in zip(fields, CRON_FIELDS.items(), strict=False):
        for part in field.split(","):
            match = _PART.fullmatch(part)
            numbers = [int(number) for number in match.groups()[:2] if number] if match else [-1]
            if numbers != sorted(numbers) or any(not least <= number <= most for number in numbers):
                about = {"field": field, "name": name, "least": least, "most": most}
                told = "'{field}' is no {name}: needs {least} to {most}, *, lists, ranges or steps"
                raise PydanticCustomError("cron", told, about)
    return " ".join(fields)


Cron = Annotated[str, AfterValidator(_cron)]
Volume = Annotated[str, Field(pattern=rf"^{_NAME}:/[^:]+$")]
Selector = Annotated[str, Field(pattern=rf"^{_LABEL}=({_LABEL})?$")]
Taint = Annotated[str, Field(pattern=rf"^{_LABEL}(=({_LABEL})?)?:(NoSchedule|PreferNoSchedule|NoExecute)$")]
SecretKey = Annotated[str, Field(pattern=rf"^{_NAME}/[A-Za-z0-9._-]+=[A-Za-z_][A-Za-z0-9_]*$")]


class ScheduleSettings(Section):
    """When each pipeline runs by itself."""

    training: Cron
    weekly: Cron
    drift: Cron
    experiment: Cron


class StepSettings(Section):
    """Where the steps of pipelines run on Kubernetes."""

    volumes: tuple[Volume, ...]
    node_selector: tuple[Selector, ...]
    tolerations: tuple[Taint, ...]
    secrets: tuple[SecretKey, ...]
    service_account: Annotated[str, Field(pattern=rf"^({_NAME})?$")]
