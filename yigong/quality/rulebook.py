"""The rules as they stand now: declared in files, with the thresholds that the county set, and what they may look up."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from yigong.platform.exchange import api as exchange
from yigong.platform.registry import api as registry
from yigong.quality.models import QualityIssue, QualityThreshold
from yigong.standards.quality import api as quality

EPOCH = date(1970, 1, 1)
NO_MORE = quality.Said(
    "这条规则已不再声明；下一次检查会关闭它的问题",
    "This rule is declared no more; the next check closes its issues",
)


@dataclass(frozen=True, slots=True)
class Set:
    """A thresholds' change: the newest line of a rule."""

    rule: str
    least: float | None
    most: float | None
    by_name: str
    reason: str
    at: Any


def thresholds() -> dict[str, Set]:
    """Rule -> the newest thresholds that the county set."""
    newest = QualityThreshold.objects.order_by("rule", "-id").distinct("rule")
    return {t.rule: Set(t.rule, t.least, t.most, t.by_name, t.reason, t.at) for t in newest}


def rules(data_set: str | None = None) -> list[quality.Rule]:
    """The rules with their present thresholds."""
    known = thresholds()
    return [_limited(r, known.get(r.code)) for r in quality.rules(data_set)]


def rule(code: str) -> quality.Rule:
    """One rule with its present thresholds; KeyError when there is none."""
    return _limited(quality.rule(code), thresholds().get(code))


def of(issue: QualityIssue) -> quality.Rule:
    """The rule of an issue; of one that is declared no more what the issue still knows of it."""
    try:
        return rule(issue.rule)
    except KeyError:
        return gone(issue.rule, issue.dimension, severity=issue.severity, data_sets=(issue.data_set,))


def gone(
    code: str, dimension: str, *, severity: str = quality.Severity.NOTICE, data_sets: tuple[str, ...] = ()
) -> quality.Rule:
    """What stands for a rule that is declared no more."""
    return quality.Rule(
        code=code, name=quality.Said(code, code), dimension=quality.Dimension(dimension),
        severity=quality.Severity(severity), weight=1, data_sets=data_sets, fields=(), sentence=NO_MORE,
        source=quality.Said("—", "—"),
    )  # fmt: skip


def is_declared(code: str) -> bool:
    """Whether there is such a rule."""
    return code in {r.code for r in quality.rules()}


def _limited(rule: quality.Rule, said: Set | None) -> quality.Rule:
    if said is None:
        return rule
    try:
        return rule.limited(least=said.least, most=said.most)
    except ValueError:  # the file now allows less than what was set: its own value counts
        return rule


def version(chosen: list[quality.Rule]) -> str:
    """A short name for these rules with these thresholds; another rule or threshold gives another name."""
    said = repr([(r, r.least, r.most) for r in sorted(chosen, key=lambda r: r.code)])
    return hashlib.sha256(said.encode()).hexdigest()[:8]


def data_sets() -> list[str]:
    """The subjects that some rule is about."""
    return sorted({d for r in quality.rules() for d in r.data_sets})


def context() -> Mapping[str, Any]:
    """The lists that rules look up."""
    since = {org: {"days": (day - EPOCH).days} for org, day in exchange.collecting_since().items()}
    return {
        "institutions": {i.code for i in registry.institutions()},
        "staff": {f"{org} {name}" for org, name in registry.staff_names()},
        "collecting_since": since or None,
    }
