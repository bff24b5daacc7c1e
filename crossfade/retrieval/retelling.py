"""What sources say of the same few tracks again and again, each time with other listens left out of the histories."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeGuard, cast

import numpy as np

from crossfade.features.interactions import Floats, Queries
from crossfade.retrieval.contract import Telling
from crossfade.retrieval.heard import Gone, Heard, Recalled, Recalling
from crossfade.schema.ids import NO_ROW, Rows

if TYPE_CHECKING:
    from crossfade.retrieval.sources import Sources


# Asked by name, since asking whether an object keeps to a protocol takes longer than a request's history.
def _recalls(source: Any) -> TypeGuard[Recalling]:
    return hasattr(source, "recalled")


@dataclass(frozen=True)
class Retelling:
    """Sources that are asked about the same tracks without parts of histories.

    Args:
        sources: The fitted retrievers.
        names: Who is asked, num_sources of them.
        rows: [n, k] int32 the tracks, -1 padded.
        heard: The histories.
        recalled: What sources that are `Recalling` said of the tracks, by name.
    """

    sources: "Sources"
    names: Sequence[str]
    rows: Rows
    heard: Heard
    recalled: Mapping[str, Recalled]

    @classmethod
    def of(cls, sources: "Sources", names: Sequence[str], queries: Queries, rows: Rows) -> Self:
        """Prepare to be asked about tracks [n, k] int32 (-1 padded, no track twice in a query) of n queries."""
        heard = Heard.of(queries)
        asked = {name: sources.retrievers[name] for name in names if name in sources.retrievers}
        recalled = {
            name: source.recalled(heard, queries, rows) for name, source in asked.items() if _recalls(source)
        }
        return cls(sources, names, rows, heard, recalled)

    def said(self, gone: Gone, left: Callable[[], Queries], places: Rows) -> Floats:
        """Score some of the tracks without what is gone.

        Args:
            gone: What is taken out, m times.
            left: Cuts the m queries without it, for sources that cannot recall what they said.
            places: [m, w] int32 among the owners' tracks, -1 padded.

        Returns:
            [m, w, num_sources] float32, NaN where a source would never return the track, or was left out.
        """
        rows = np.where(places >= 0, self.rows[gone.owners[:, None], places], np.int32(NO_ROW))
        told = np.full((*rows.shape, len(self.names)), np.nan, np.float32)
        for place, name in enumerate(self.names):
            source = self.sources.retrievers.get(name)
            if name in self.recalled:
                told[..., place] = self.recalled[name].without(gone, places)
            elif source is not None:
                told[..., place] = cast("Telling", source).said(left(), rows)
        return told
