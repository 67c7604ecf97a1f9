"""What this module announces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class ReferralMoved:
    """A referral made a move; the verb is in the name of the event."""

    referral_id: int
    registration_id: int
    verb: str
    state: str
    from_org: str
    to_org: str
    name: ClassVar[str] = "referral.moved"


@dataclass(frozen=True, slots=True)
class ReferralSent(ReferralMoved):
    """A referral was sent to another institution."""

    name: ClassVar[str] = "referral.sent"


@dataclass(frozen=True, slots=True)
class ReferralAccepted(ReferralMoved):
    """The receiving institution took the patient over."""

    name: ClassVar[str] = "referral.accepted"


@dataclass(frozen=True, slots=True)
class ReferralClosed(ReferralMoved):
    """The case ended with feedback to the first doctor."""

    name: ClassVar[str] = "referral.closed"


BY_VERB: dict[str, type[ReferralMoved]] = {"send": ReferralSent, "accept": ReferralAccepted, "close": ReferralClosed}
