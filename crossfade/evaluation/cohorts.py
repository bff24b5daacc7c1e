"""Groups of users and tracks that a mean must not hide; the thresholds are the constants below."""

from typing import Final

import numpy as np

from crossfade.evaluation.popularity import Bools, Popularity
from crossfade.features.dataset import Users
from crossfade.features.interactions import Queries
from crossfade.schema.ids import Rows

NEW_LISTENS: Final = 10  # a new user has fewer than this many listens before the period (none is possible)
HEAVY_LISTENS: Final = 100  # a heavy user has at least this many; casual users stand between
NICHE_SHARE: Final = (
    0.2  # this share of the users with a history whose tracks are least known are niche users
)
TOP_COUNTRIES: Final = 5  # countries with most test users, one cohort each

TRACK_COHORTS: Final = ("cold", "tail", "head")


def user_cohorts(queries: Queries, popularity: Popularity, users: Users) -> dict[str, Bools]:
    """Assign n test users to overlapping groups by what was known when the period began.

    Returns:
        Name -> [n] bool, in a fixed order: new, casual, heavy, niche, then `country_XX` by falling size.
    """
    num_listens = np.diff(queries.offsets)
    cohorts = {
        "new": num_listens < NEW_LISTENS,
        "casual": (num_listens >= NEW_LISTENS) & (num_listens < HEAVY_LISTENS),
        "heavy": num_listens >= HEAVY_LISTENS,
        "niche": _niche(queries, popularity),
    }
    known = queries.country_rows[queries.country_rows >= 0]
    sizes = np.bincount(known, minlength=len(users.countries))
    top = np.argsort(-sizes, kind="stable")[:TOP_COUNTRIES]
    names = users.countries.names(top.astype(np.int32))
    return cohorts | {
        f"country_{name}": queries.country_rows == row
        for name, row in zip(names, top, strict=True)
        if sizes[row]
    }


def track_cohorts(rows: Rows, popularity: Popularity) -> Rows:
    """Return [m] int32 positions in `TRACK_COHORTS` of m tracks: never heard, outside the head, in it."""
    return np.where(popularity.is_cold[rows], 0, np.where(popularity.is_head[rows], 2, 1)).astype(np.int32)


def _niche(queries: Queries, popularity: Popularity) -> Bools:
    num_listens = np.diff(queries.offsets)
    has_history = num_listens > 0
    surprise = popularity.self_information[queries.track_rows]
    total = np.bincount(queries.owners, weights=surprise, minlength=len(queries))
    mean = np.where(has_history, total / np.maximum(num_listens, 1), -np.inf)
    if not has_history.any():
        return has_history
    limit = np.quantile(mean[has_history], 1 - NICHE_SHARE)
    return np.asarray(has_history & (mean >= limit) & (limit > mean[has_history].min()))
