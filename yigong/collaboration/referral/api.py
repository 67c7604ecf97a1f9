"""The doors of two-way referral."""

from __future__ import annotations

from types import SimpleNamespace

from yigong.collaboration.referral import shown
from yigong.collaboration.referral.domain import LIFE
from yigong.collaboration.referral.selectors import Filters, cases, counts, open_for_person, waiting
from yigong.collaboration.referral.services import draft, move, revise
from yigong.kit.ctx import Ctx


def shown_cases(ctx: Ctx, filters: Filters) -> list[SimpleNamespace]:
    """Cases with institutions and words beside their codes, for a list on another page."""
    return [shown.row(r) for r in cases(ctx, filters)[0]]


__all__ = ["LIFE", "Filters", "cases", "counts", "draft", "move", "open_for_person", "revise", "shown_cases", "waiting"]
