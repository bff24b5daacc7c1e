"""What is kept when the two-tower loss is not finite any more: where it happened, the batch, the last good towers."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crossfade.retrieval.two_tower_learnt import Learnt
from crossfade.schema.errors import DivergedError
from crossfade.schema.ids import Rows

BATCH: Final = "batch.json"
SHOWN: Final = 3  # examples of the batch that the message names


@dataclass
class Diverged(Exception):  # noqa: N818 (caught and told as DivergedError, with the checkpoint)
    """The loss of a batch is not finite.

    Args:
        epoch: From 1.
        step: Batches of this epoch until here, from 1.
        loss: NaN or infinite.
        users: [n] int32 user rows of the batch.
        targets: [n] int32 track rows.
    """

    epoch: int
    step: int
    loss: float
    users: Rows
    targets: Rows

    def with_checkpoint(self, learnt: Learnt | None) -> DivergedError:
        """Return the error to raise, which keeps the batch and the towers of the last good epoch, if there is one."""
        examples = ", ".join(
            f"user row {user} with track row {target}"
            for user, target in zip(self.users[:SHOWN], self.targets[:SHOWN], strict=True)
        )
        good = f"epoch {learnt.history[-1]['epoch']}" if learnt else "none, since this is the first epoch"
        message = (
            f"The two-tower loss is {self.loss} at epoch {self.epoch}, step {self.step}; it must be finite. Its batch holds "
            f"{len(self.users)} examples: {examples}{', ...' if len(self.users) > SHOWN else ''}. Last good checkpoint: {good}. "
            "Lower two_tower.learning_rate, or look for extreme numbers in the catalogue."
        )

        def keep(directory: Path) -> None:
            directory.mkdir(parents=True, exist_ok=True)
            batch = {"user_rows": self.users.tolist(), "track_rows": self.targets.tolist()}
            about = {"epoch": self.epoch, "step": self.step, "loss": str(self.loss), **batch}
            (directory / BATCH).write_text(json.dumps(about) + "\n", "utf-8")
            if learnt is not None:
                learnt.save(directory)

        return DivergedError(message, keep)
