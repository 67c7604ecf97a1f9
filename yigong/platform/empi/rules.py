"""The rules in force: from which score on pairs are joined or asked about, how grave each kind is, who decides alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connection

from yigong.kit.errors import Refused
from yigong.platform.empi.engine import api as engine
from yigong.platform.empi.models import RuleSet

#: how grave a wrong join would be, where nobody has said otherwise
RISK = {
    "twins": 3,
    "numbers": 3,
    "borrowed": 3,
    "unlike": 3,
    "newborn": 2,
    "doubtful": 2,
    "birth": 1,
    "homophone": 1,
    "alike": 1,
}
_LEAST_BITS, _MOST_BITS = -20.0, 60.0


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of the rules."""

    version: int
    auto: float  # bits from which on a pair is joined by itself
    review: float  # bits from which on a person is asked
    two_from_risk: int = 3  # from this risk on two people must agree that a pair is one person; 4 means never
    risk: Mapping[str, int] = field(default_factory=lambda: dict(RISK))  # kind of question -> 1 low, 2, 3 grave
    ask_from: Mapping[str, float] = field(default_factory=dict)  # kind -> bits, where more than *review* is wanted

    def body(self) -> dict[str, Any]:
        """The rules as they are kept."""
        return {name: value for name, value in asdict(self).items() if name != "version"}


@lru_cache(maxsize=1)
def model() -> engine.Model:
    """The model of this county."""
    return engine.load_model("county")


@lru_cache(maxsize=1)
def built_in() -> Rules:
    """The rules of an installation where nobody has published any."""
    bands = model().bands
    return Rules(0, _bits(bands["auto"]), _bits(bands["review"]))


def _bits(share: float) -> float:
    return math.log2(share / (1 - share))


def current() -> Rules:
    """The rules in force."""
    with connection.cursor() as cursor:
        cursor.execute("select version, published_at from empi_rule_set where state = 'published'")
        row = cursor.fetchone()
    return in_force(*row) if row else built_in()


def in_force(version: int | None, at: datetime | None) -> Rules:
    """The rules of the published version, those of the model where none is; for who has read version and moment."""
    return built_in() if version is None else _published(version, at)


@lru_cache(maxsize=4)
def _published(version: int, _at: datetime | None) -> Rules:
    """A published version; it never changes, so it is read once."""
    return read(version, RuleSet.objects.get(version=version).body)


def read(version: int, body: Mapping[str, Any]) -> Rules:
    """Rules out of what somebody typed or what is kept. Raises Refused empi.rule_wrong naming the field."""
    try:
        rules = Rules(
            version,
            float(body["auto"]),
            float(body["review"]),
            int(body.get("two_from_risk", 3)),
            {kind: int(body.get("risk", {}).get(kind, risk)) for kind, risk in RISK.items()},
            {kind: float(bits) for kind, bits in body.get("ask_from", {}).items() if bits not in (None, "")},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Refused("empi.rule_wrong", field=str(error).strip("'")) from None
    _check(rules)
    return rules


def _check(rules: Rules) -> None:
    bits = {"auto": rules.auto, "review": rules.review, **rules.ask_from}
    wrong = [name for name, value in bits.items() if not _LEAST_BITS <= value <= _MOST_BITS]
    if rules.review > rules.auto:
        wrong.append("review")
    wrong += [kind for kind, risk in rules.risk.items() if risk not in (1, 2, 3)]
    wrong += [kind for kind in rules.ask_from if kind not in RISK]
    if rules.two_from_risk not in (1, 2, 3, 4):
        wrong.append("two_from_risk")
    if wrong:
        raise Refused("empi.rule_wrong", field=", ".join(wrong))
