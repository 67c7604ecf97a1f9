"""Pages of the desk: runs, a run by item, documents tried out, services of this platform tried out."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_GET, require_POST

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.conformance import reporting, services, showing
from yigong.platform.conformance.asking import Target
from yigong.platform.conformance.command import WRITERS, head
from yigong.platform.conformance.models import Run
from yigong.platform.hl7v3.api import specs
from yigong.security.api import action, audit
from yigong.web.http import page

FILES, MEGABYTES, SHOWN = 60, 20, 100
#: what a page of documents shows: so much that each has its own page on a phone
VIEWS = {"kinds": lazy("按种类"), "rules": lazy("按规则"), "files": lazy("按文件")}
MEDIA = {"html": "text/html; charset=utf-8", "pdf": "application/pdf", "json": "application/json"}


def _ctx(request: HttpRequest) -> Ctx:
    return request.ctx  # type: ignore[attr-defined, no-any-return]


@require_GET
@action("conformance.view")
def desk(request: HttpRequest) -> HttpResponse:
    """The runs, newest first, and the two ways to begin one."""
    services.mend_lost()
    runs = Run.objects.defer("result").order_by("-started_at")[:SHOWN]
    context = {
        "runs": runs,
        "services": [(s.key, s.service.name_zh) for s in specs().values()],
        "files": FILES,
        "megabytes": MEGABYTES,
        "may_register": _ctx(request).may("hl7v3.manage"),
    }
    return page(request, "conformance/desk.html", context)


@require_POST
@action("conformance.run")
def documents(request: HttpRequest) -> HttpResponse:
    """Judge documents that are uploaded; nothing of them enters the records."""
    given = request.FILES.getlist("files")
    if not given:
        raise Refused("conformance.no_files")
    if len(given) > FILES or sum(f.size or 0 for f in given) > MEGABYTES << 20:
        raise Refused("conformance.too_much", files=FILES, megabytes=MEGABYTES)
    files = [((f.name or "")[-120:], f.read()) for f in given]
    run = services.begin(_ctx(request), "documents", _("%(n)s 份上传的文档") % {"n": len(files)}, len(files))
    return redirect("conformance:run", services.check(run, files).pk)


@require_POST
@action("conformance.run")
def services_run(request: HttpRequest) -> HttpResponse:
    """Ask the services of this platform over the network, in the name of an application."""
    name, secret = request.POST.get("app", "").strip(), request.POST.get("secret", "")
    if not name or not secret:
        raise Refused("conformance.no_application")
    only = [k for k in request.POST.getlist("only") if k in specs()]
    target = Target(request.build_absolute_uri("/ws/") + "{service}", name, secret)
    listed = services.plan(only=only)
    run = services.begin(_ctx(request), "services", f"{target.url} · {name}", len(listed))
    services.ask_beside(run, target, listed)
    return redirect("conformance:run", run.pk)


def _run(run_id: int) -> Run:
    found = Run.objects.filter(pk=run_id).first()
    if found is None:
        raise Refused("conformance.no_such_run")
    return found


@require_GET
@action("conformance.view")
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """A run by item; while it is under way the page asks again by itself."""
    services.mend_lost()
    found = _run(run_id)
    word, rule, q = (request.GET.get(name, "")[:120].strip() for name in ("word", "rule", "q"))
    told = reporting.shown(found.result) if found.result else {"items": [], "files": []}
    items = [i for i in told["items"] if not word or i["word"] == word]
    number, view = request.GET.get("page", ""), request.GET.get("view", "")
    documents = found.kind == "documents"
    few = len(told["files"]) <= showing.OPEN_FILES  # nothing to be gathered by kind or rule
    view = view if view in VIEWS else "files" if few else "kinds"
    view = view if documents else "kinds"
    context = {
        "run": found, "items": [i for i in items if i["word"] != "absent" or word], "word": word, "rule": rule, "q": q, "tally": found.result.get("tally", {}),
        "absent": [] if word else [i for i in items if i["word"] == "absent"], "english": get_language() == "en",
        "sheet": showing.sheet(told["files"], word=word, rule=rule, q=q, page=int(number) if number.isdecimal() else 1),
        "view": view, "views": list(VIEWS.items()) if documents and word != "absent" else [],
        "unfolded": sum(i["word"] == "fail" for i in items) <= showing.OPEN_FILES,
    }  # fmt: skip
    return page(request, "conformance/run.html", context, part="conformance/_run.html")


@require_GET
@action("conformance.view")
def report(request: HttpRequest, run_id: int, form: str) -> HttpResponse:
    """The report as HTML, PDF or JSON."""
    if form not in MEDIA:
        raise Http404
    found = _run(run_id)
    if not found.result:
        return redirect(reverse("conformance:run", args=[run_id]))
    audit(_ctx(request), "conformance.view", "conformance_run", run_id, after={"form": form})
    answer = HttpResponse(WRITERS[f".{form}"](found.result, head(found)), content_type=MEDIA[form])
    answer["Content-Disposition"] = f'attachment; filename="conformance-{run_id}.{form}"'
    return answer
