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
    "contained_alone": (
        "invariant",
        "contained 中的 {value} 没有被引用，也不引用本资源",
        "the contained {value} is referred to by nothing here, and does not refer to this resource",
    ),
    "reference": (
        "value",
        "{name} 的引用“{value}”不是有效地址，应为 类型/编号、#片段 或完整地址",
        "{value} of {name} is no reference; write Type/id, #fragment or a full address",
    ),
    "relative": (
        "value",
        "{name} 的值“{value}”应为完整地址（如 urn:oid: 或 http: 开头）",
        "{value} of {name} must be a full address, such as one that begins with urn:oid: or http:",
    ),
    "code_unknown": (
        "code-invalid",
        "代码系统 {set} 没有代码 {value}",
        "the code system {set} has no code {value}",
    ),
    "narrative": ("value", "{name} 不是合格的叙述文本：{why_zh}", "{name} is no narrative: {why_en}"),
    "resource_type": ("structure", "没有资源类型 {value}", "there is no resource type {value}"),
    "invariant": ("invariant", "不满足规则 {name}：{value}", "the rule {name} does not hold: {value}"),
    "profile_unknown": (
        "not-supported",
        "平台没有配置文件 {url}，只按 FHIR R4 的 {type} 校验",
        "the profile {url} is not known here; only {type} of FHIR R4 was checked",
    ),
    "profile_unusable": ("processing", "配置文件 {url} 不可用：{why_zh}", "the profile {url} cannot be used: {why_en}"),
    "profile_type": (
        "structure",
        "配置文件“{profile}”用于 {type}，不用于 {value}",
        "the profile {profile} is for {type}, not for {value}",
    ),
    "profile_min": (
        "required",
        "{name} 至少 {least} 个，实有 {count} 个（配置文件“{profile}”）",
        "{name} must occur {least} times, found {count} (profile {profile})",
    ),
    "profile_max": (
        "structure",
        "{name} 最多 {most} 个，实有 {count} 个（配置文件“{profile}”）",
        "{name} may occur {most} times, found {count} (profile {profile})",
    ),
    "profile_fixed": (
        "value",
        "{name} 须为 {wanted}，实为 {value}（配置文件“{profile}”）",
        "{name} must be {wanted}, found {value} (profile {profile})",
    ),
    "profile_pattern": (
        "value",
        "{name} 须含有 {wanted}（配置文件“{profile}”）",
        "{name} must hold {wanted} (profile {profile})",
    ),
    "profile_length": (
        "too-long",
        "{name} 最长 {most} 个字符，实有 {count} 个（配置文件“{profile}”）",
        "{name} may have {most} characters, found {count} (profile {profile})",
    ),
    "profile_least": (
        "value",
        "{name} 不得小于 {wanted}，实为 {value}（配置文件“{profile}”）",
        "{name} must not be less than {wanted}, found {value} (profile {profile})",
    ),
    "profile_most": (
        "value",
        "{name} 不得大于 {wanted}，实为 {value}（配置文件“{profile}”）",
        "{name} must not be more than {wanted}, found {value} (profile {profile})",
    ),
    "profile_types": (
        "structure",
        "{name} 的类型须为 {set}，实为 {value}（配置文件“{profile}”）",
        "{name} must be of type {set}, found {value} (profile {profile})",
    ),
    "profile_target": (
        "value",
        "{name} 只能引用 {set}，实为 {value}（配置文件“{profile}”）",
        "{name} may refer only to {set}, found {value} (profile {profile})",
    ),
    "profile_none": (
        "structure",
        "{name} 不符合所列配置文件中的任何一个：{set}（配置文件“{profile}”）",
        "{name} conforms to none of {set} (profile {profile})",
    ),
    "profile_code_required": (
        "code-invalid",
        "{name} 的代码 {value} 不在必用值集 {set} 中（配置文件“{profile}”）",
        "the code {value} of {name} is not in the required value set {set} (profile {profile})",
    ),
    "profile_code_extensible": (
        "code-invalid",
        "{name} 的代码 {value} 不在可扩展值集 {set} 中，仅当值集没有合适的代码时可用（配置文件“{profile}”）",
        "the code {value} of {name} is not in the extensible value set {set}; use it only where the set has none that fits (profile {profile})",
    ),
    "set_unknown": (
        "not-supported",
        "{name} 的代码无法核对：平台没有 {value}（值集 {set}）",
        "the code of {name} cannot be checked: {value} is not known here (value set {set})",
    ),
    "set_unusable": (
        "not-supported",
        "{name} 的代码无法核对：值集 {set} 不能展开，{why_zh}",
        "the code of {name} cannot be checked: the value set {set} cannot be expanded, {why_en}",
    ),
    "slice_closed": (
        "structure",
        "{name} 不属于任何切片（{set}），而配置文件“{profile}”不许有其他的",
        "this {name} is of none of the slices {set}, and the profile {profile} allows no others",
    ),
    "slice_order": (
        "structure",
        "{name} 的切片次序有误，应为 {set}（配置文件“{profile}”）",
        "the slices of {name} are out of order, which is {set} (profile {profile})",
    ),
    "extension_place": (
        "extension",
        "扩展“{name}”不应用于此处，只用于 {set}",
        "the extension {name} has no place here, only on {set}",
    ),
    "extension_unknown": (
        "extension",
        "平台没有修饰扩展 {url} 的定义，无法知道它如何改变含义",
        "the modifier extension {url} is not known here, nor how it changes the meaning",
    ),
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
    if isinstance(why := facts.pop("why", None), tuple):
        facts |= {"why_zh": why[0], "why_en": why[1]}
    shown = {k: str(v)[:200] for k, v in facts.items()}
    return Finding(severity, f"{rule}:{key}" if key else rule, place, zh.format_map(shown), en.format_map(shown))
