"""Further pages of the desk: many pairs at once, a household, the rules, how well it decides, cleaning."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from yigong.kit.errors import Refused
from yigong.platform.empi import (
    batch,
    cleaning,
    measures,
    rules,
    ruling,
    services,
    shown,
    shown_family,
    shown_rules,
    shown_words,
)
from yigong.platform.empi import review as queue
from yigong.platform.empi.models import Cleaning
from yigong.security.api import action, opaque_id
from yigong.security.guard import OpaqueConverter
from yigong.web.http import page, say

Request = Any  # HttpRequest with ctx


def _reason(request: HttpRequest) -> str:
    return str(request.POST.get("reason", "")).strip()[:200]


def _chosen(request: HttpRequest) -> list[int]:
    return [OpaqueConverter().to_python(one) for one in request.POST.getlist("pair") if len(one) == 13]


@require_GET
@action("empi.decide")
def many(request: Request) -> HttpResponse:
    """The waiting pairs of one kind, to be answered together."""
    counts = queue.kinds(request.ctx)
    kind = request.GET.get("kind") or next((k for k in counts if k not in ("all", "high")), "")
    listed = queue.queue(request.ctx, kind=kind, limit=batch.MOST)
    context = {
        "listed": [shown.waiting(one) for one in listed],
        "filters": [one for one in shown.filters(counts, kind) if one["value"] not in ("", "high")],
        "kind": kind,
    }
    return page(request, "empi/many.html", context | shown.desk(request))


@require_POST
@action("empi.decide")
def many_preview(request: Request) -> HttpResponse:
    """What the chosen answer to the chosen pairs would do."""
    answer, chosen = _answer(request), _chosen(request)
    if not chosen:
        place = f"{reverse('empi:many')}?{urlencode({'kind': request.POST.get('kind', '')})}"
        return say(request, HttpResponseRedirect(place), _("还没有勾选登记对；请先勾选，再选答案"))
    found = batch.outlook(request.ctx, chosen, answer)
    context = {
        "outlook": found,
        "answer": answer,
        "word": shown_words.ANSWERS[answer],
        "pairs": [opaque_id(one) for one in batch.waiting(request.ctx, chosen)],
        "kind": request.POST.get("kind", ""),
    }
    return page(request, "empi/many_preview.html", context | shown.desk(request))


def _answer(request: HttpRequest) -> str:
    answer = request.POST.get("answer", "")
    if answer not in shown_words.ANSWERS:
        raise Refused("empi.none_chosen")
    return answer


@require_POST
@action("empi.decide")
def many_do(request: Request) -> HttpResponse:
    """Answer them."""
    answer = _answer(request)
    done = batch.answer_many(request.ctx, _chosen(request), answer, reason=_reason(request))
    words = ngettext("已答 %(n)s 对", "已答 %(n)s 对", done.made) % {"n": done.made}
    if left := sum(done.refused.values()):
        words += ngettext("，%(n)s 对不能这样答，仍在队列", "，%(n)s 对不能这样答，仍在队列", left) % {"n": left}
    undo = reverse("empi:many_undo", args=[done.batch]) if done.batch and request.ctx.may("empi.undo") else ""
    return say(
        request, HttpResponseRedirect(f"{reverse('empi:many')}?kind={request.POST.get('kind', '')}"), words, undo=undo
    )


@require_POST
@action("empi.undo")
def many_undo(request: Request, batch_id: int) -> HttpResponse:
    """Take a batch back."""
    count = batch.undo_many(request.ctx, batch_id, reason=_reason(request) or str(_("核对后当场撤回")))
    words = ngettext("已撤销 %(n)s 条决定，恢复到之前", "已撤销 %(n)s 条决定，恢复到之前", count) % {"n": count}
    return say(request, HttpResponseRedirect(reverse("empi:many")), words)


@require_GET
@action("empi.view")
def family(request: Request, person_id: int) -> HttpResponse:
    """Everybody at one phone or address, and who of them may be whom."""
    found = queue.household(request.ctx, person_id)
    names = {one.person_id: one.full_name or _("未记录") for one in found.members}
    context = {
        "members": [shown_family.member(one) for one in found.members],
        "tree": shown_family.tree(found, person_id),
        "suspicions": [shown_family.suspicion(one, names) for one in found.suspicions],
        "person_id": person_id,
        "name": names[person_id],
    }
    return page(request, "empi/family.html", context | shown.desk(request))


@require_GET
@action("empi.view")
def rule_book(request: Request) -> HttpResponse:
    """The rules in force, the draft with what it would change, the versions."""
    present, draft = rules.current(), ruling.draft()
    edited = rules.read(draft.version, draft.body) if draft else present
    change = ruling.preview(request.ctx, edited) if draft else None
    context = {
        "present": present,
        "draft": draft,
        "fields": shown_rules.rule_fields(present, edited),
        "kinds": shown_rules.rule_kinds(present, edited),
        "change": change,
        "examples": [shown_rules.example(one) for one in change.examples] if change else [],
        "said": shown_words.RULE_SAID,
        "versions": ruling.versions(),
        "note": draft.note if draft else "",
        "kind_words": {kind: words[0] for kind, words in shown_words.KINDS.items()},
    }
    return page(request, "empi/rules.html", context | shown.desk(request))


@require_POST
@action("empi.rules")
def rule_save(request: Request) -> HttpResponse:
    """Keep the draft; its effect is shown on the page."""
    given = request.POST
    body = {name: given.get(name, "") for name in ("auto", "review", "two_from_risk")}
    body["risk"] = {kind: given.get(f"risk_{kind}", rules.RISK[kind]) for kind in rules.RISK}
    body["ask_from"] = {kind: bits for kind in rules.RISK if (bits := given.get(f"from_{kind}", "").strip())}
    ruling.save_draft(request.ctx, body, given.get("note", "")[:200])
    return say(request, HttpResponseRedirect(reverse("empi:rules")), _("草稿已存；发布之前不影响任何登记"))


@require_POST
@action("empi.rules")
def rule_discard(request: Request) -> HttpResponse:
    """Throw the draft away."""
    ruling.discard_draft(request.ctx)
    return say(request, HttpResponseRedirect(reverse("empi:rules")), _("草稿已丢弃；现行规则不变"))


@require_POST
@action("empi.rules")
def rule_adopt(request: Request, version: int) -> HttpResponse:
    """Bring the values of an earlier version back into the draft."""
    ruling.adopt(request.ctx, version)
    words = _("已把旧版的值放进草稿；发布之前不影响任何登记")
    return say(request, HttpResponseRedirect(reverse("empi:rules")), words)


@require_POST
@action("empi.publish")
def rule_publish(request: Request, version: int) -> HttpResponse:
    """Put the draft into force."""
    ruling.publish(request.ctx, version)
    words = _("规则第 %(n)s 版已生效；对已有登记，请另做一次清洗") % {"n": version}
    return say(request, HttpResponseRedirect(reverse("empi:rules")), words)


@require_GET
@action("empi.view")
def quality(request: Request) -> HttpResponse:
    """Precision, recall and agreement from reviewed pairs, and what people said by score."""
    context = {
        "figures": [shown_rules.figure(one) for one in measures.shares(request.ctx)],
        "bands": measures.bands(request.ctx),
        "days": measures.DAYS,
        "held": measures.duplicates(request.ctx),
        "trend": shown.trend(queue.trend(request.ctx)),
    }
    return page(request, "empi/quality.html", context | shown.desk(request))


@require_GET
@action("empi.view")
def cleanings(request: Request) -> HttpResponse:
    """Runs of cleaning with progress, and the report of each before and after."""
    jobs = list(Cleaning.objects.order_by("-pk")[:10])
    context = {
        "jobs": [shown_rules.cleaning(one) for one in jobs],
        "running": next((shown_rules.cleaning(one) for one in jobs if one.state in ("queued", "running")), None),
    }
    return page(request, "empi/cleaning.html", context | shown.desk(request))


@require_POST
@action("empi.clean")
def clean(request: Request) -> HttpResponse:
    """Begin a run."""
    job = cleaning.start(request.ctx)
    words = _("已排队：后台将逐批清洗 %(n)s 条登记，可离开本页") % {"n": job.total}
    return say(request, HttpResponseRedirect(reverse("empi:cleaning")), words)


@require_POST
@action("empi.clean")
def clean_stop(request: Request, job_id: int) -> HttpResponse:
    """End a run early."""
    cleaning.stop(request.ctx, job_id)
    return say(request, HttpResponseRedirect(reverse("empi:cleaning")), _("已停止；已清洗的部分保留"))


@require_POST
@action("empi.view")
def mark(request: Request, person_id: int, verb: str) -> HttpResponse:
    """Attest, declare dead or cancelled, or take one of these back; the right to each is its own."""
    request.ctx.must(f"empi.{verb}")
    decision = services.mark(request.ctx, person_id, verb, reason=_reason(request))
    undo = reverse("empi:undo", args=[decision]) if request.ctx.may("empi.undo") else ""
    place = HttpResponseRedirect(reverse("empi:person", args=[person_id]))
    return say(request, place, shown_words.MARKED[verb], undo=undo)
