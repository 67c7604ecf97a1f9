"""The doors of two-way referral."""

from yigong.collaboration.referral.domain import LIFE
from yigong.collaboration.referral.selectors import Filters, cases, counts, open_for_person, waiting
from yigong.collaboration.referral.services import draft, move, revise

__all__ = ["LIFE", "Filters", "cases", "counts", "draft", "move", "open_for_person", "revise", "waiting"]
