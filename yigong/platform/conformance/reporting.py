"""What a run showed as a report by item: plain facts first, then HTML and PDF of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from yigong.kit.errors import Refused
from yigong.platform.conformance.judging import Verdict, tally
from yigong.platform.conformance.papers import Paper, by_kind
from yigong.platform.conformance.remedies import remedies
from yigong.platform.conformance.sentences import SENTENCES
from yigong.platform.hl7v3.api import specs
from yigong.web import pdf
from yigong.web.http import sentence

TEMPLATE = Path(__file__).with_name("templates") / "conformance" / "report.typ"


def of_services(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Facts of a run over services: cases by item, in the order of the declarations."""
    items: dict[str, list[Verdict]] = {}
    for v in verdicts:
        items.setdefault(v.case.item, []).append(v)
    order = {key: n for n, key in enumerate(["endpoint", *specs()])}
    listed = [_item(key, items[key]) for key in sorted(items, key=lambda k: order.get(k, 999))]
    return {"kind": "services", "tally": tally(verdicts), "items": listed}


def _item(key: str, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    spec = specs().get(key)
    return {
        "key": key,
        "title_zh": spec.service.name_zh if spec else "端点整体",
        "title_en": spec.action if spec else "the endpoint as a whole",
        "word": "pass" if all(v.word == "pass" for v in verdicts) else "fail",
        "cases": [_case(v) for v in verdicts],
    }


def _case(v: Verdict) -> dict[str, Any]:
    case, wrong = v.case, [n.rule for n in v.notes if not n.ok]
    return {
        "id": case.id, "title_zh": case.title_zh, "title_en": case.title_en, "must": case.must, "note": case.note, "word": v.word,
        "type_code": v.type_code, "said": v.said, "seconds": v.seconds, "notes": [asdict(n) for n in v.notes],
        "message": case.message[:20_000], "reply": v.reply,
        "todo_zh": remedies(wrong, english=False), "todo_en": remedies(wrong, english=True),
    }  # fmt: skip


def of_documents(papers: Sequence[Paper]) -> dict[str, Any]:
    """Facts of a run over documents: each kind by its best file, and every file."""
    kinds = by_kind(papers)
    counts = {word: sum(k.word == word for k in kinds) for word in ("pass", "fail", "absent")}
    listed = [
        {
            "key": k.code, "title_zh": k.title, "word": k.word, "file": k.best.name if k.best else "",
            "errors": k.best.errors if k.best else 0, "satisfied": k.best.satisfied if k.best else 0,
            "required": k.best.required if k.best else 0, "unknown": k.best.unknown if k.best else 0,
        }
        for k in kinds
    ]  # fmt: skip
    return {"kind": "documents", "tally": counts, "items": listed, "files": [asdict(p) for p in papers]}


def as_html(facts: Mapping[str, Any], head: Mapping[str, Any]) -> str:
    """The report as one page that needs nothing else."""
    context = {"facts": {**facts, **shown(facts)}, "head": head, "english": get_language() == "en"}
    return render_to_string("conformance/report.html", context)


def shown(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Items with what failed first and what was not given last, and the files with why one was not read, in the reader's words."""
    order = {"fail": 0, "unjudged": 1, "pass": 2, "absent": 3}
    files = [{**f, "why": _unread(f["refused"]) if f["refused"] else ""} for f in facts.get("files", ())]
    items = list(facts["items"])
    return {"items": sorted(items, key=lambda i: order[i["word"]]) if files else items, "files": files}


def as_pdf(facts: Mapping[str, Any], head: Mapping[str, Any]) -> bytes:
    """The report on paper: the summary by item, then every case that failed with its reasons."""
    english = get_language() == "en"
    told = {
        "of_documents": facts["kind"] == "documents",
        "lead": f"{head['target']} · {head['at']}",
        "tally": [[_WORDS()[w], n] for w, n in facts["tally"].items()],
        "tally_head": [_("结论"), _("数量")],
        "item_title": _("按项结果"),
        "item_head": [_("项"), _("名称"), _("结论"), _("说明")],
        "items": [_row(i, english) for i in shown(facts)["items"] if i["word"] != "absent"],
        "absent": _absent(facts, english),
        "failure_title": _("未通过的用例及原因") if facts["kind"] == "services" else _("未通过的文档及原因"),
        "failure_head": [_("用例"), _("要求"), _("原因"), _("怎么办")]
        if facts["kind"] == "services"
        else [_("文件"), _("位置"), _("原因"), _("规则")],
        "failures": _failures(facts, english),
    }
    return pdf.pdf(TEMPLATE, told, title=_("互联互通符合性测试报告"), scope=str(head["scope"]), mark=str(head["mark"]))


def _WORDS() -> dict[str, str]:  # noqa: N802  - a table, made in the reader's language
    return {"pass": _("通过"), "fail": _("未通过"), "unjudged": _("未判定"), "absent": _("没有提供")}


def _absent(facts: Mapping[str, Any], english: bool) -> str:
    """The kinds of which nothing was given, in one sentence."""
    names = [
        i.get("title_en" if english else "title_zh") or i["title_zh"] for i in facts["items"] if i["word"] == "absent"
    ]
    told = {"n": len(names), "names": (", " if english else "、").join(names)}
    return _("没有提供 %(n)d 种：%(names)s") % told if names else ""


def _row(item: Mapping[str, Any], english: bool) -> list[str]:
    title = item.get("title_en" if english else "title_zh") or item["title_zh"]
    if "cases" in item:
        good = sum(c["word"] == "pass" for c in item["cases"])
        note = f"{good}/{len(item['cases'])}"
    else:
        note = f"{item['file']} {_filled(item)}".strip() if item["file"] else "—"
    return [item["key"], title, _WORDS()[item["word"]], note]


def _filled(item: Mapping[str, Any]) -> str:
    """Of the required places those filled, and those said to be unknown."""
    told = f"{item['satisfied']}/{item['required']}"
    unknown = item.get("unknown", 0)
    return f"{told} {_('注明未知 %(n)d') % {'n': unknown}}" if unknown else told


def _failures(facts: Mapping[str, Any], english: bool) -> list[list[str]]:
    rows = []
    if facts["kind"] == "services":
        for item in facts["items"]:
            for case in item["cases"]:
                why = "；".join(n["en" if english else "zh"] for n in case["notes"] if not n["ok"])
                if case["word"] == "fail":
                    todo = (" " if english else "").join(case.get("todo_en" if english else "todo_zh", ()))
                    title = case["title_en" if english else "title_zh"]
                    rows.append([case["id"], title, f"{why} {case['said']}".strip(), todo])
    else:
        for file in facts["files"]:
            for f in file["findings"]:
                if f.get("fails", f["severity"] == "error"):
                    place = _("第 %(line)s 行 %(path)s") % {"line": f["line"], "path": _end(str(f["xpath"]))}
                    rows.append([file["name"][:40], place, f["en" if english else "zh"], str(f["rule"])])
            if file["refused"]:
                rows.append([file["name"][:40], "—", _unread(file["refused"]), str(file["refused"])])
    return rows[:400]


def _unread(code: str) -> str:
    """Why a file was not read: a sentence that needs no facts of the file, for a report keeps the code alone."""
    own = f"conformance.{code}"
    return sentence(Refused(own if own in SENTENCES else code))


def _end(xpath: str) -> str:
    """The last two steps of a path: enough beside its line."""
    steps = xpath.split("/")
    return "/".join(steps) if len(steps) < 4 else "…/" + "/".join(steps[-2:])
