"""What every section of settings is made of: a base class, and numbers with bounds."""

from typing import Annotated

import pydantic
from pydantic import Field

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Amount = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


class Section(pydantic.BaseModel):
    """Frozen and closed to unknown keys; pydantic saves us the type checks and their messages."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=False, allow_inf_nan=False)
