"""Resident identity numbers (GB 11643): 18 signs with a birth date and a check sign, or the old 15."""

from __future__ import annotations

import re
from datetime import date

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
SIGNS = "10X98765432"


def valid(number: str) -> bool:
    """Whether an identity card can bear this number: shape, a birth date that existed, check sign."""
    if re.fullmatch(r"\d{15}", number):
        return born_on(f"{number[:6]}19{number[6:]}") is not None
    if not re.fullmatch(r"[1-9]\d{16}[\dX]", number) or born_on(number) is None:
        return False
    return complete(number[:17]) == number


def complete(body: str) -> str:
    """The number of eighteen signs whose first seventeen are *body*: its check sign at the end."""
    total = sum(int(sign) * weight for sign, weight in zip(body, WEIGHTS, strict=True))
    return body + SIGNS[total % 11]


def born_on(number: str) -> date | None:
    """The birth date in a number of 18 signs; None where no calendar has it."""
    try:
        found = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None
    return found if found.year >= 1850 else None
