"""Answers: whole page or part from one template, refusals and errors as pages that say why, words after an act."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from yigong.kit import said
from yigong.kit.errors import Refused
from yigong.web.parts import Way
from yigong.web.sentences import SENTENCES

#: refusal code -> status of the answer; every other code is 409, a rule of the house said no
STATUS = {"not_permitted": 403, "not_found": 404, "not_related": 403, "wrong_side": 403, "missing": 400, "invalid": 400,
          "feed_unknown": 404, "job_unknown": 404, "row_unknown": 404}  # fmt: skip
#: refusal code -> (icon, tone) of its page
LOOKS = {
    "not_permitted": ("lock", "hold"),
    "not_related": ("lock", "hold"),
    "wrong_side": ("lock", "hold"),
    "not_found": ("file-unknown", "idle"),
    "missing": ("forms", "warn"),
    "invalid": ("forms", "warn"),
    "conflict": ("git-merge", "warn"),
}


def page(
    request: HttpRequest, template: str, context: dict[str, Any], *, part: str = "", status: int = 200
) -> HttpResponse:
    """The template as a whole page; for an htmx request that names a *part*, only that part's template."""
    return render(request, part if part and wants_part(request) else template, context, status=status)


def wants_part(request: HttpRequest) -> bool:
    """Whether htmx asks for a region, not for a page (a boosted link or a step back asks for the page)."""
    htmx: Any = getattr(request, "htmx", None)
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def wants_json(request: HttpRequest) -> bool:
    """Whether the caller reads JSON and not pages."""
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def say(request: HttpRequest, response: HttpResponse, text: object, *, undo: str = "", tone: str = "") -> HttpResponse:
    """Let the page say *text* after an act, with 撤回 when *undo* is the address that takes it back by POST."""
    if wants_part(request) and not response.has_header("HX-Redirect"):
        facts = {"yg-toast": {"text": str(text), "undo": undo, "tone": tone}}
        known = json.loads(response.headers.get("HX-Trigger", "{}"))
        response.headers["HX-Trigger"] = json.dumps(known | facts)
        return response
    messages.add_message(request, messages.ERROR if tone == "bad" else messages.SUCCESS, str(text), extra_tags=undo)
    return response


def idempotency_key(request: HttpRequest) -> str:
    """The key that makes a double click one act; empty when the caller gave none."""
    return (request.headers.get("Idempotency-Key") or request.POST.get("idempotency_key", ""))[:64]


# ---- refusals ----


@cache
def sentences() -> dict[str, list[Any]]:
    """Every refusal of the house with its sentences: those of the modules (``settings.SENTENCE_TABLES``), then the house's own."""
    tables = []
    for path in getattr(settings, "SENTENCE_TABLES", []):
        module, _sep, name = path.partition(":")
        tables.append(getattr(importlib.import_module(module), name))
    found: dict[str, list[Any]] = {}
    for table in (*tables, SENTENCES):
        for code, words in table.items():
            found.setdefault(code, []).append(words)
    return found


@cache
def _action_words() -> dict[str, Any]:
    words: dict[str, Any] = {}
    for path in getattr(settings, "ACTION_TABLES", []):
        module, _sep, name = path.partition(":")
        words.update(getattr(importlib.import_module(module), name))
    return words


def action_word(action: str) -> str:
    """The words of an action; its name when nobody declared it."""
    return str(_action_words().get(action, action))


def sentence(refused: Refused) -> str:
    """What a refusal says to the person before the screen."""
    known = sentences().get(refused.code, [])
    found = next((s for s in known if _places(s) <= set(refused.facts)), known[-1] if known else None)
    if found is None:
        return _("平台拒绝了这一步（%(code)s）。内容没有改动。") % {"code": refused.code}
    facts = _Worded(refused.facts)
    if isinstance(found, tuple):  # (Chinese, English) with {name}, as modules write that also speak without Django
        return str(found[get_language() == "en"]).format_map(facts)
    return str(found) % facts


def _places(said: Any) -> set[str]:
    """The facts that a sentence names."""
    return (
        set(re.findall(r"%\((\w+)\)", str(said)))
        if not isinstance(said, tuple)
        else set(re.findall(r"{(\w+)", said[0]))
    )


class _Worded(dict[str, Any]):
    """Facts as words: lists joined, moments in the county, actions by name; a fact that lacks reads —."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        super().__init__({k: _word(k, v) for k, v in facts.items()})

    def __missing__(self, key: str) -> str:
        return "—"


def _word(name: str, value: Any) -> str:
    if name == "action":
        return action_word(str(value))
    value = said.read(value, english=get_language() == "en")
    if isinstance(value, list | tuple | set | frozenset):
        return _("、").join(str(v) for v in value)
    if hasattr(value, "tzinfo"):
        return timezone.localtime(value).strftime("%m-%d %H:%M")
    return str(value)


def status_of(code: str) -> int:
    """The status of a refusal: 403 may not, 404 is not there, 400 lacks something, else 409."""
    name = code.rpartition(".")[2]
    return STATUS.get(name) or (404 if name.startswith("no_such") else 409)


def refusal(request: HttpRequest, refused: Refused) -> HttpResponse:
    """A refusal as page, region or JSON: what is missing, who can give it, what to do."""
    status = status_of(refused.code)
    if wants_json(request):
        facts = {k: said.plain(v) for k, v in refused.facts.items()}
        return JsonResponse({"code": refused.code, "facts": facts, "sentence": sentence(refused)}, status=status)
    icon, tone = LOOKS.get(refused.code, ("alert-triangle", "warn"))
    context = {
        "title": _title(refused),
        "sentence": sentence(refused),
        "ways": _ways(refused),
        "icon": icon,
        "tone": tone,
        "number": getattr(request, "request_id", ""),
        "back": _came_from(request),
    }
    if wants_part(request) and request.method != "GET":
        return _beside(request, context["sentence"], status)
    return page(request, "web/refused.html", context, part="web/ui/refused.html", status=status)


def _came_from(request: HttpRequest) -> str:
    """The page of ours on which the button stood, for a write that was refused."""
    found = urlsplit(request.headers.get("Referer", ""))
    if request.method == "GET" or found.netloc != request.get_host() or found.path == request.path:
        return ""
    return urlunsplit(("", "", found.path, found.query, ""))


def _beside(request: HttpRequest, text: object, status: int) -> HttpResponse:
    """A refused write says its reason in a toast that stays, and leaves the region as it was."""
    response = render(request, "web/ui/toast.html", {"text": text, "tone": "bad"}, status=status)
    response.headers["HX-Retarget"] = "#toasts"
    response.headers["HX-Reswap"] = "beforeend"
    return response


def _title(refused: Refused) -> str:
    titles = {
        "not_permitted": _("您现在不能做这件事"),
        "not_found": _("没有找到"),
        "missing": _("还差几项没填"),
        "invalid": _("有内容需要改"),
        "conflict": _("您填写时，内容已被别人改动"),
        "wrong_state": _("现在的状态不能这样做"),
        "wrong_side": _("这一步由另一方来做"),
    }
    return titles.get(refused.code, _("没有办成"))


def _ways(refused: Refused) -> list[Way]:
    if refused.code != "not_permitted":
        return []
    note = _("请他在“用户与角色”里把这项权限加到您的角色，或换一个角色再来")
    return [
        Way(_("本机构的平台管理员可以授权"), note),
        Way(_("回工作台"), url="/", button=_("打开"), icon="layout-dashboard"),
    ]


# ---- error pages ----


def _error(request: HttpRequest, status: int, template: str, code: str, **more: Any) -> HttpResponse:
    number = getattr(request, "request_id", "")
    if wants_json(request):
        return JsonResponse({"code": code, "number": number}, status=status)
    return page(request, template, {"number": number, **more}, part="web/ui/fault.html", status=status)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The page for an address that leads nowhere."""
    return _error(request, 404, "web/404.html", "not_found")


def forbidden(request: HttpRequest, exception: Exception | None = None, reason: str = "") -> HttpResponse:
    """The page for a request that Django itself turned away, e.g. with a stale form."""
    return _error(request, 403, "web/403.html", "forbidden")


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page for a form that the platform cannot be sure the reader sent."""
    return forbidden(request, reason=reason)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The page for a request that cannot be read."""
    return _error(request, 400, "web/400.html", "bad_request")


def failed(request: HttpRequest) -> HttpResponse:
    """The page for a fault of the platform: what is safe, what to do, and the number for the help desk."""
    number = getattr(request, "request_id", "")
    if wants_json(request):
        return JsonResponse({"code": "failed", "number": number}, status=500)
    try:
        return render(request, "web/500.html", {"number": number}, status=500)
    except Exception:  # the page frame itself reads the database, which may be what failed
        return HttpResponse(render_plain(number), status=500)


def render_plain(number: str) -> str:
    """The last page: needs neither database nor session."""
    from django.template.loader import render_to_string

    return render_to_string("web/500_plain.html", {"number": number})
