"""What validation finds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: rule -> (issue type, Chinese, English)
RULES = {
    "unknown": ("structure", "{name} 不是 {type} 的元素", "{name} is no element of {type}"),
    "missing": ("required", "缺少必需的 {name}", "{name} is required"),
    "list": ("structure", "{name} 应为列表", "{name} must be a list"),
    "single": ("structure", "{name} 只能有一个，不应为列表", "{name} must be single, not a list"),
    "many": ("structure", "{name} 最多 {most} 个，实有 {count} 个", "{name} may occur {most} times, found {count}"),
    "empty": ("structure", "{name} 为空", "{name} is empty"),
    "choice": ("structure", "{name} 只能取一种类型，同时出现了 {found}", "{name} may have one type, found {found}"),
    "type": ("value", "{name} 应为 {type}，实为 {value}", "{name} must be {type}, found {value}"),
    "format": ("value", "{name} 的值 {value} 不符合 {type} 的格式", "{value} of {name} is no {type}"),
    "code": ("code-invalid", "{name} 的代码 {value} 不在值集 {set} 中", "the code {value} of {name} is not in {set}"),
    "target": ("value", "{name} 不能引用 {value}，应为 {set}", "{name} may not refer to {value}, only to {set}"),
    "contained": (
        "not-found",
        "{name} 引用的 {value} 不在 contained 中",
        "{value}, referred to by {name}, is not contained",
    ),
    "resource_type": ("structure", "没有资源类型 {value}", "there is no resource type {value}"),
    "invariant": ("invariant", "不满足规则 {name}：{value}", "the rule {name} does not hold: {value}"),
    "uncomputed": ("informational", "规则 {name} 无法计算：{value}", "the rule {name} could not be computed: {value}"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding with its place as FHIRPath."""

    severity: str  # error warning information
    rule: str
    place: str
    zh: str
    en: str

    def issue(self) -> dict[str, Any]:
        """As an issue of an OperationOutcome."""
        code = RULES[self.rule.partition(":")[0]][0]
        details = {"coding": [{"system": "urn:yigong:fhir:rule", "code": self.rule}], "text": self.zh}
        return {"severity": self.severity, "code": code, "details": details, "diagnostics": self.en,
                "expression": [self.place]}  # fmt: skip


def found(rule: str, place: str, severity: str = "error", *, key: str = "", **facts: object) -> Finding:
    """A finding of a declared rule."""
    _, zh, en = RULES[rule]
    shown = {k: str(v)[:120] for k, v in facts.items()}
    return Finding(severity, f"{rule}:{key}" if key else rule, place, zh.format_map(shown), en.format_map(shown))
