"""Buckets agree with other languages, shares hold within binomial bounds, and users move into treatments only."""

import re
from pathlib import Path

import numpy as np
import pytest

import crossfade.experiments.assignment as assignment
from crossfade.experiments.assignment import CONTROL, NUM_BUCKETS, Allocation, bucket
from crossfade.schema.errors import InputError

DOCS = Path(__file__).parents[2] / "docs" / "experiments.md"
USERS = [f"user-{number}" for number in range(20_000)]
STEPS = (0.01, 0.05, 0.25, 0.5, 1.0)


def test_the_vectors_of_the_documentation_hold() -> None:
    told = re.findall(r'salt "(.+)", user "(.+)" +-> (\d+)', assignment.__doc__ or "")
    assert len(told) == 4
    assert [(salt, user, bucket(salt, user)) for salt, user, _ in told] == [
        (salt, user, int(number)) for salt, user, number in told
    ]
    rows = re.findall(r"^\| `(.+)` \| `(.+)` \| (\d+) \|$", DOCS.read_text("utf-8"), re.MULTILINE)
    assert rows == told
    # printf u1 | openssl dgst -sha256 -hmac radio-flow: 53f04726253ca8e7...
    assert bucket("radio-flow", "u1") == 0x53F04726253CA8E7 % NUM_BUCKETS


def test_buckets_are_equally_full_and_salts_independent() -> None:
    first, second = (np.array([bucket(salt, user) for user in USERS]) for salt in ("a", "b"))
    # 20 groups of buckets; chi-square of 19 degrees of freedom is below 43.8 in 999 of 1,000 draws.
    counts = np.bincount(first // 500, minlength=20)
    assert ((counts - 1000) ** 2 / 1000).sum() < 43.8
    # Two salts: 2 x 2 halves, one degree of freedom, below 10.8 in 999 of 1,000 draws.
    both = np.bincount((first < 5000) * 2 + (second < 5000), minlength=4).reshape(2, 2)
    expected = np.outer(both.sum(1), both.sum(0)) / len(USERS)
    assert ((both - expected) ** 2 / expected).sum() < 10.8


def test_a_growing_share_moves_users_only_from_control_into_treatment() -> None:
    before = np.zeros(len(USERS), np.int32)
    for share in STEPS:
        now = Allocation("ramp", {"b": share}).shown(USERS)
        assert (now[before == 1] == 1).all()
        deviation = np.sqrt(len(USERS) * share * (1 - share))
        assert abs((now == 1).sum() - share * len(USERS)) <= 4 * deviation
        before = now
    assert (before == 1).all()


def test_treatments_grow_beside_each_other_without_taking_from_each_other() -> None:
    before = Allocation("two", {"b": 0.1, "c": 0.3}).shown(USERS)
    after = Allocation("two", {"b": 0.5, "c": 0.4}).shown(USERS)
    for place in (1, 2):
        assert (after[before == place] == place).all()
    assert {0.09 < (before == 1).mean() < 0.11, 0.29 < (before == 2).mean() < 0.31} == {True}
    allocation = Allocation("two", {"b": 0.5, "c": 0.4})
    assert [allocation.variants[place] for place in after[:50]] == [
        allocation.variant(user) for user in USERS[:50]
    ]


def test_without_treatments_everybody_is_control() -> None:
    assert Allocation("none", {}).variant("u1") == CONTROL


@pytest.mark.parametrize(
    ("salt", "shares", "message"),
    [
        ("", {"b": 0.5}, "needs a salt, got an empty one"),
        ("s", {"control": 0.5}, "A treatment cannot be called 'control'"),
        ("s", {"b": 1.5}, r"Treatment 'b': share=1\.5 must be a multiple of 0\.0001 from 0 to 1\.0000"),
        ("s", {"b": -0.1}, r"share=-0\.1 must be"),
        ("s", {"b": 0.00005}, r"share=5e-05 must be a multiple of 0\.0001"),
        ("s", {"b": 0.1, "c": 0.6}, r"Treatment 'c': share=0\.6 .* to 0\.5000, .* each of 2 treatments"),
    ],
)
def test_allocations_that_make_no_sense_are_refused(
    salt: str, shares: dict[str, float], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Allocation(salt, shares)
