"""How long to wait before the next attempt."""

from __future__ import annotations

import random

FIRST_SECONDS, LAST_SECONDS = 1.0, 300.0


def pause(failures: int, chance: random.Random, *, first: float = FIRST_SECONDS, last: float = LAST_SECONDS) -> float:
    """Seconds to wait after the n-th failure in a row: doubled each time up to *last*, half of it left to chance.

    The part left to chance keeps the nodes of a county from coming back all at once after the network was down.
    """
    longest = min(last, first * 2.0 ** min(max(failures, 1) - 1, 30))
    return longest * (0.5 + chance.random() / 2)
