"""Two rankers in one list: the same listener chooses between them, which takes far fewer listeners than an A/B test.

Team draft (Radlinski, Kurup and Joachims 2008): in each round a coin decides who picks first, and each ranker adds its best
track that is not in the list yet. A play counts for the ranker whose pick it was.
"""

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from crossfade.schema.ids import NO_ROW, Rows

FIRST, SECOND, NOBODY = 0, 1, -1
Teams = npt.NDArray[np.int8]


def team_draft(first: Rows, second: Rows, k: int, *, seed: int) -> tuple[Rows, Teams]:
    """Interleave two rankings of the same request.

    Args:
        first: [n] int32 track rows, best first, padded with -1.
        second: [m] int32 of the other ranker.
        k: Length of the list.
        seed: Of the coins; equal seeds give equal lists, so a logged list can be made again.

    Returns:
        [k] int32 rows, padded with -1, and [k] int8 whose pick each is (-1 where padded).
    """
    rows, teams = np.full(k, NO_ROW, np.int32), np.full(k, NOBODY, np.int8)
    picks, placed, coins = (
        (iter(first.tolist()), iter(second.tolist())),
        {NO_ROW},
        np.random.default_rng(seed),
    )
    length, order = 0, [FIRST, SECOND]
    while length < k:
        order = [FIRST, SECOND] if coins.random() < 0.5 else [SECOND, FIRST]
        before = length
        for team in order:
            pick = next((row for row in picks[team] if row not in placed), NO_ROW)
            if pick != NO_ROW and length < k:
                rows[length], teams[length] = pick, team
                placed.add(pick)
                length += 1
        if length == before:
            break
    return rows, teams


def preference(
    first_plays: npt.NDArray[np.int64], second_plays: npt.NDArray[np.int64]
) -> tuple[float, float]:
    """Return the share of lists that the second ranker wins, and the two-sided p-value of the sign test.

    Args:
        first_plays: [num_users] int64 plays of the first ranker's picks. A user counts once, whatever they played.
        second_plays: [num_users] int64.

    Returns:
        Share of wins among users who prefer one of the two (0.5 and 1.0 where nobody does), and the p-value.
    """
    wins, losses = int((second_plays > first_plays).sum()), int((second_plays < first_plays).sum())
    if not wins + losses:
        return 0.5, 1.0
    return wins / (wins + losses), float(binomtest(wins, wins + losses).pvalue)
