"""Pages of images: the archives, one study with its images, an image passed on."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Fault, Refused
from yigong.platform.dicom import client, selectors, services
from yigong.platform.dicom.models import Pacs
from yigong.platform.empi import api as empi
from yigong.platform.records import api as records
from yigong.security.api import action, audit
from yigong.web import parts
from yigong.web.http import page, say, sentence

#: window presets of CT (centre, width in HU), as radiology textbooks give them; other modalities keep the archive's own
WINDOWS = (
    ("40,400,linear", gettext_lazy("软组织")),
    ("-600,1500,linear", gettext_lazy("肺")),
    ("300,1500,linear", gettext_lazy("骨")),
    ("40,80,linear", gettext_lazy("颅脑")),
)
SEXES = {"1": gettext_lazy("男"), "2": gettext_lazy("女")}
_WINDOW = re.compile(r"^-?\d{1,5},\d{1,5},linear$")


def _said(fault: Fault) -> str:
    return sentence(Refused(fault.code, pacs=fault.facts.get("pacs", ""), reason=fault.facts.get("reason", "")))


def _ctx(request: HttpRequest) -> Ctx:
    return request.ctx  # type: ignore[attr-defined, no-any-return]


@require_GET
@action("dicom.list")
def archives(request: HttpRequest) -> HttpResponse:
    """The archives: whether they answer, what of them is in the index, what waits for its person."""
    return page(request, "dicom/archives.html", {"archives": selectors.archives()})


@require_POST
@action("dicom.manage")
def sweep(request: HttpRequest, code: str) -> HttpResponse:
    """Look through an archive now."""
    pacs = Pacs.objects.filter(code=code).first()
    if pacs is None:
        raise Refused("dicom.no_such_pacs", name=code)
    back = redirect("dicom:archives")
    try:
        swept = services.sweep(_ctx(request), pacs)
    except Fault as fault:
        return say(request, back, _said(fault), tone="bad")
    audit(_ctx(request), "dicom.manage", "dicom_pacs", pacs.pk, after={"found": swept.found, "new": swept.new})
    words = _("已核对 %(found)s 次检查：新增 %(new)s，更新 %(changed)s，撤出 %(gone)s")
    facts = {"found": swept.found, "new": swept.new, "changed": swept.changed, "gone": swept.gone}
    return say(request, back, words % facts)


@require_GET
@action("dicom.view")
def study(request: HttpRequest, study_id: int) -> HttpResponse:
    """A study with its images; the reading is audited."""
    ctx = _ctx(request)
    try:
        found, person_id = selectors.study(ctx, study_id)
    except Refused as refused:
        if refused.code == "not_related":  # the person's page asks for a declared reason
            return redirect(reverse("sharing:person", args=[refused.facts["person_id"]]))
        raise
    audit(ctx, "dicom.view", "dicom_study", study_id, registration_id=found.registration_id)
    fault, series = "", list[selectors.Series]()
    try:
        series = selectors.contents(found)
    except Fault as error:
        fault = _said(error)
    chosen = next((s for s in series if s.uid == request.GET.get("series")), series[0] if series else None)
    context = {
        "study": found, "person": _banner(ctx, person_id), "person_id": person_id, "series": series,
        "chosen": chosen, "fault": fault, "windows": WINDOWS if chosen and chosen.modality == "CT" else (),
        "last": len(chosen.images) - 1 if chosen else 0,
        "others": [s for s in selectors.of_person(ctx, person_id) if s.id != study_id][:20],
    }  # fmt: skip
    return page(request, "dicom/study.html", context)


def _banner(ctx: Ctx, person_id: int) -> parts.Person:
    """Whose images they are."""
    golden, known = empi.golden(ctx, person_id), records.summary(ctx, person_id)
    url = reverse("sharing:person", args=[person_id]) + "?tab=imaging"
    found = None if known.allergy_state == "not_asked" else records.present_allergies(known.allergies)
    allergies = (
        None if found is None else [parts.Allergy(a.substance or _("过敏史"), "", a.source.org_code) for a in found]
    )
    return parts.Person(
        golden.full_name or _("姓名未记录"), sex=SEXES.get(golden.sex_code, ""), born_on=golden.birth, id_no=golden.id_no, url=url,
        allergies=allergies,
    )  # fmt: skip


@require_GET
@action("dicom.view")
def image(request: HttpRequest, study_id: int, sealed: str) -> HttpResponse:
    """An image as the archive draws it, passed on to a reader who may see the person."""
    found, _person = selectors.study(_ctx(request), study_id)
    series_uid, instance_uid, frame = selectors.opened(study_id, sealed)
    window = request.GET.get("window", "")
    size = request.GET.get("size", "")
    how = {
        "window": window if _WINDOW.match(window) else "",
        "viewport": f"{size},{size}" if size in ("128", "256") else "",
    }
    try:
        content, media = client.drawn(found.pacs, found.study_uid, series_uid, instance_uid, frame, **how)
    except Fault as fault:
        return HttpResponse(_said(fault), status=502, content_type="text/plain; charset=utf-8")  # fmt: skip
    answer = HttpResponse(content, content_type=media if media.startswith("image/") else "application/octet-stream")
    answer["Cache-Control"] = "private, max-age=1800"
    return answer
