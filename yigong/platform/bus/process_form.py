"""The form of a process: its steps in order, each with kind, target, condition and compensation; it works without scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from yigong.platform.bus.forms import CODE
from yigong.platform.bus.models import SENDS, Endpoint, Service
from yigong.platform.bus.orchestration import ATTEMPTS, MOST_STEPS, WAIT_HOURS, kind_of
from yigong.platform.bus.steps_field import Steps
from yigong.platform.bus.words import NUMBER_KINDS, STEP_KINDS
from yigong.web.forms import Form

#: fields of a step that each kind uses; the others are not shown
SHOWN = {
    "send": ("target", "transformations", "keep", "attempts", "undo_target", "undo_transformations"),
    "call": ("target", "transformations", "keep", "attempts", "undo_target", "undo_transformations"),
    "transform": ("transformations", "keep"),
    "wait": ("wait_number", "wait_value", "wait_type", "wait_hours", "keep"),
    "branch": ("branch_if", "branch_to"),
}
LEADING = ("name", "kind", "when")


class Keep(forms.CharField):
    """Lines ``name = path``: what the step keeps of the answer."""

    widget = forms.Textarea({"rows": 2, "spellcheck": "false"})

    def to_python(self, value: Any) -> Any:
        """The pairs. Raises ValidationError for a line of another form."""
        found: dict[str, str] = {}
        for number, line in enumerate(str(super().to_python(value) or "").splitlines(), start=1):
            name, sign, path = (part.strip() for part in line.partition("="))
            if line.strip() and not (sign and name.isidentifier() and path):
                raise forms.ValidationError(
                    _("第 %(line)s 行应为“名称 = 位置”，如 booking = $.id。"), params={"line": number}
                )
            if line.strip():
                found[name] = path
        return found


class StepForm(Form):
    """One step."""

    name = forms.CharField(label=_("做什么"), max_length=60)
    kind = forms.ChoiceField(label=_("种类"), choices=list(STEP_KINDS.items()), initial="send")
    when = forms.CharField(label=_("只在符合条件时"), max_length=1000, required=False, help_text=_("不填则总是执行"))
    target = forms.ChoiceField(label=_("去向"), required=False)
    transformations = Steps(label=_("转换步骤"))
    keep = Keep(label=_("留下应答中的值"), required=False, help_text=_("每行一个：名称 = 位置，供后面的步骤使用"))
    attempts = forms.IntegerField(label=_("至多尝试"), min_value=1, max_value=100, initial=ATTEMPTS, required=False)
    undo_target = forms.ChoiceField(label=_("补偿的去向"), required=False)
    undo_transformations = Steps(label=_("补偿的转换步骤"))
    wait_number = forms.ChoiceField(
        label=_("按哪种业务号"), choices=list(NUMBER_KINDS.items()), initial="order", required=False
    )
    wait_value = forms.CharField(
        label=_("业务号的值"), max_length=1000, required=False, help_text=_("表达式，如 order 或 [OBR-2]")
    )
    wait_type = forms.CharField(
        label=_("回复的类型"), max_length=40, required=False, help_text=_("如 ORU^R01；不填则任何类型")
    )
    wait_hours = forms.IntegerField(label=_("至多等待"), min_value=1, initial=WAIT_HOURS, required=False)
    branch_if = forms.CharField(
        label=_("条件"), max_length=1000, required=False, widget=forms.Textarea({"rows": 2, "spellcheck": "false"})
    )
    branch_to = forms.IntegerField(
        label=_("跳到第几步"), min_value=2, required=False, help_text=_("只能向后；末步之后为结束")
    )
    units = {"attempts": _("次"), "wait_hours": _("小时")}
    pairs = (("name", "kind"), ("wait_number", "wait_value"), ("wait_type", "wait_hours"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        aims = [("", "—"), *targets()]
        self.fields["target"].choices = self.fields["undo_target"].choices = aims  # type: ignore[attr-defined]
        kind = self.data.get(self.add_prefix("kind")) if self.is_bound else self.initial.get("kind", "send")
        kept = (*LEADING, *SHOWN.get(str(kind), ()))
        for name in [n for n in self.fields if n not in kept]:
            del self.fields[name]

    def step(self) -> dict[str, Any]:
        """The step as it is kept."""
        given = self.cleaned_data
        found = {"name": given["name"], "kind": given["kind"], "do": _act(given)}
        more = {"when": given.get("when"), "attempts": given.get("attempts"), "undo": _undo(given)}
        return found | {name: value for name, value in more.items() if value}


def targets() -> list[Any]:
    """Where a step may go."""
    out = Endpoint.objects.filter(direction=SENDS).order_by("name")
    inward = Endpoint.objects.exclude(direction=SENDS).filter(kind__in=["mllp", "http"]).order_by("code")
    serving = Service.objects.filter(state__in=["published", "deprecated"], endpoints__direction=SENDS).distinct()
    return [
        (_("端点"), [(f"endpoint:{e.code}", e.name or e.code) for e in out]),
        (_("放入总线"), [(f"endpoint:{e.code}", e.name or e.code) for e in inward]),
        (_("登记的服务"), [(f"service:{s.code}", s.title) for s in serving.order_by("name")]),
    ]


def _act(given: Mapping[str, Any]) -> dict[str, Any]:
    match given["kind"]:
        case "transform":
            found = {"steps": given["transformations"], "keep": given["keep"]}
        case "wait":
            found = {
                "number": given["wait_number"], "value": given["wait_value"], "type": given["wait_type"],
                "hours": given["wait_hours"], "keep": given["keep"],
            }  # fmt: skip
        case "branch":
            found = {"if": given["branch_if"], "to": given["branch_to"]}
        case _:
            found = {**_aimed(given["target"]), "steps": given["transformations"], "keep": given["keep"]}
    return {name: value for name, value in found.items() if value}


def _aimed(target: str) -> dict[str, str]:
    kind, _sign, code = target.partition(":")
    return {kind: code} if code else {}


def _undo(given: Mapping[str, Any]) -> dict[str, Any]:
    aimed = _aimed(given.get("undo_target") or "")
    steps = given.get("undo_transformations") or []
    return {**aimed, "steps": steps} if aimed else {"steps": steps} if steps else {}


def initial_of(step: Mapping[str, Any]) -> dict[str, Any]:
    """A kept step as the form shows it."""
    act, undo = step["do"], step.get("undo") or {}
    keep = "\n".join(f"{name} = {path}" for name, path in act.get("keep", {}).items())
    return {
        "name": step["name"], "kind": kind_of(step), "when": step.get("when", ""), "target": _target(act), "keep": keep,
        "transformations": act.get("steps", []), "attempts": step.get("attempts", ATTEMPTS), "undo_target": _target(undo),
        "undo_transformations": undo.get("steps", []), "wait_number": act.get("number", "order"), "wait_value": act.get("value", ""),
        "wait_type": act.get("type", ""), "wait_hours": act.get("hours", WAIT_HOURS), "branch_if": act.get("if", ""),
        "branch_to": act.get("to"),
    }  # fmt: skip


def _target(act: Mapping[str, Any]) -> str:
    return next((f"{kind}:{act[kind]}" for kind in ("endpoint", "service") if act.get(kind)), "")


class HeadForm(Form):
    """Code and name of a process."""

    code = forms.SlugField(label=_("编排代码"), help_text=CODE, max_length=60)
    name = forms.CharField(label=_("名称"), max_length=100)
    is_active = forms.BooleanField(label=_("使用中"), required=False, initial=True)
    pairs = (("code", "name"),)

    def __init__(self, *args: Any, new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].disabled = not new


class Sheet:
    """Head and steps of a process as they are being written; *act* is the button that was pressed."""

    def __init__(self, data: Mapping[str, Any] | None, row: Any) -> None:
        self.act = str(data.get("act", "save")) if data else ""
        initial = {f: getattr(row, f) for f in ("code", "name", "is_active")} if row else None
        self.head = HeadForm(data, initial=initial, new=row is None)
        kept = row.steps if row else []
        if data:
            self.steps = [StepForm(data, prefix=f"s{n}") for n in _order(data, self.act)]
        else:
            self.steps = [StepForm(prefix=f"s{n}", initial=initial_of(s)) for n, s in enumerate(kept)]
        if self.act == "add" or not self.steps:
            self.steps.append(StepForm(prefix=f"s{1 + max((int(str(s.prefix)[1:]) for s in self.steps), default=-1)}"))

    @property
    def order(self) -> str:
        """The steps by the numbers of their fields, to be sent back."""
        return ",".join(str(s.prefix)[1:] for s in self.steps)

    def is_valid(self) -> bool:
        """Whether everything is written well."""
        return all([self.head.is_valid(), *(s.is_valid() for s in self.steps)])

    def written(self) -> list[dict[str, Any]]:
        """The steps as they would be kept."""
        return [s.step() for s in self.steps]


def _order(data: Mapping[str, Any], act: str) -> Sequence[int]:
    """The numbers of the steps in the order that the button leaves them in."""
    numbers = [int(n) for n in str(data.get("order", "")).split(",") if n.isdigit()][:MOST_STEPS]
    verb, _sign, which = act.partition(":")
    if not which.isdigit() or int(which) not in numbers:
        return numbers
    at = numbers.index(int(which))
    one = numbers.pop(at)
    if verb != "remove":
        numbers.insert(max(0, at - 1) if verb == "up" else at + 1 if verb == "down" else at, one)
    return numbers
