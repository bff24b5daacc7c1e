"""Kinds of accounts and origins of events that a twin can hold; the truth names them by these numbers."""

from enum import IntEnum


class Account(IntEnum):
    """What an account is."""

    LISTENER = 0
    FARM = 1  # plays for money; nobody listens
    SUPERFAN = 2  # a listener who plays one artist far more than anything else
    HIJACKED = 3  # a listener whose account somebody else uses, too
    TRAVELLER = 4  # a listener who is abroad for some days


class Origin(IntEnum):
    """Who made an event."""

    OWN = 0  # the listener
    FARM = 1  # a farm account
    INTRUDER = 2  # somebody else on a listener's account
