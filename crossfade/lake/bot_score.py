"""An unsupervised score of how unlike all others an account plays. Pure functions of ibis tables."""

from typing import Final

import ibis
import ibis.expr.types as ir

from crossfade.lake.activity import whole_days
from crossfade.lake.composing import composed
from crossfade.lake.portable import bit_count
from crossfade.schema import columns as c
from crossfade.schema.lake_settings import BotSettings

# What is measured of an account: the direction in which it is odd, and the least spread that it is compared with, so that a
# figure in which nearly all accounts agree does not make every other one odd.
FEATURES: Final = {
    "just_over_share": (1, 0.02),
    "cut_share": (-1, 0.05),
    "log_listens_per_hour": (1, 0.2),
    "log_hours_per_day": (1, 0.2),
}
DECIMALS: Final = 6  # of the score; the last bits of a logarithm are the engine's own
MAD_TO_SIGMA: Final = 1.4826  # of a normal distribution (Rousseeuw and Croux 1993)


@composed
def account_scores(days: ir.Table, spots: ir.Table, bots: BotSettings) -> ir.Table:
    """Score accounts by robust distances from the median account, added up over what is odd about them.

    Each feature's distance is (value - median) / (1.4826 * median absolute deviation), counted in the odd direction only and
    up to `score_cap`, so that no feature alone can reach the threshold. Shares are drawn towards the median by
    `score_prior_plays` plays, so that a few plays prove little.

    Args:
        days: What `activity.spot_days` returned, of the accounts and hours to score.
        spots: What `activity.spots` returned, of all of them.
        bots: The keys that begin with `score`.

    Returns:
        user_id, listens, score (float64), for accounts with at least `score_plays` listens.
    """
    accounts = _accounts(whole_days(days, spots)).filter(lambda t: t.listens >= bots.score_plays)
    middles = accounts.agg(**{f"{name}_middle": accounts[name].median() for name in FEATURES})
    placed = accounts.cross_join(middles)
    spreads = placed.agg(
        **{
            f"{name}_spread": (placed[name] - placed[f"{name}_middle"]).abs().median() * MAD_TO_SIGMA
            for name in FEATURES
        }
    )
    placed = placed.cross_join(spreads)
    weight = placed.listens / (placed.listens + bots.score_prior_plays)
    odds = [_odds(placed, name, weight, bots) for name in FEATURES]
    return placed.select(c.USER_ID, "listens", score=sum(odds[1:], odds[0]).round(DECIMALS))


def _accounts(whole: ir.Table) -> ir.Table:
    sums = whole.group_by(c.USER_ID).agg(
        **{name: whole[name].sum() for name in ("listens", "timed", "just_over", "cut")},
        num_hours=bit_count(whole.active).sum(),
        num_days=whole.count(),
    )
    timed = (sums.timed > 0).ifelse(sums.timed, ibis.null("int64"))
    return sums.mutate(
        just_over_share=sums.just_over / timed,
        cut_share=sums.cut / timed,
        log_listens_per_hour=(sums.listens / sums.num_hours).ln(),
        log_hours_per_day=(sums.num_hours / sums.num_days).ln(),
    )


def _odds(accounts: ir.Table, name: str, weight: ir.FloatingValue, bots: BotSettings) -> ir.FloatingValue:
    direction, least = FEATURES[name]
    spread = ibis.greatest(accounts[f"{name}_spread"], least)
    distance = (accounts[name] - accounts[f"{name}_middle"]) * weight / spread
    return (direction * distance).fill_null(0.0).clip(lower=0.0, upper=bots.score_cap)
