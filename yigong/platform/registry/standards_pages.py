"""Pages of the standards centre: search over the tree, one page for each kind of thing, downloads, the report."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from yigong.kit.ctx import Ctx
from yigong.platform.registry import standards_catalog as catalog
from yigong.platform.registry import standards_exports as exports
from yigong.platform.registry import standards_reads as reads
from yigong.platform.registry import standards_selectors as selectors
from yigong.security.api import action
from yigong.standards.api import load
from yigong.web.http import page
from yigong.web.links import tabs, with_query

PAGE = 50
View = Callable[..., HttpResponse]
SORTS: dict[str, Callable[[catalog.Entry], Any]] = {
    "id": lambda e: e.id,
    "name": lambda e: e.name_zh,
    "origin": lambda e: list(catalog.ORIGIN_WORDS).index(e.origin),
    "certainty": lambda e: list(catalog.CERTAINTY_WORDS).index(e.certainty),
    "count": lambda e: e.count or 0,
}


def _ctx(request: HttpRequest) -> Ctx:
    return request.ctx  # type: ignore[attr-defined]


class Absent(Exception):  # noqa: N818
    """Nothing is registered under the number of the address."""


def _found(known: Any, key: str) -> Any:
    """The registered thing; Absent where there is none."""
    found = known.get(key)
    if found is None:
        raise Absent(key)
    return found


def center(name: str) -> Callable[[View], View]:
    """A guarded page or download of the centre; what is not registered is answered with what is near it."""

    def wrap(view: View) -> View:
        @wraps(view)
        def answered(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            try:
                return view(request, **kwargs)
            except Absent as absent:
                key = str(absent)
                context = {"key": key, "near": catalog.look(key)[:8] or catalog.look(key[:7])[:8]}
                return page(request, "registry/standards/absent.html", _framed(context, ""), status=404)

        return require_GET(action(name)(answered))

    return wrap


# ---- the list ----


@center("standards.view")
def standards(request: HttpRequest) -> HttpResponse:
    """Everything registered: by branch of the tree, by words, by kind, origin and certainty."""
    text, branch = request.GET.get("q", "").strip(), request.GET.get("in", "")
    looked = catalog.look(text, branch)
    sums = catalog.counted(looked)
    found = _sorted(_filtered(looked, request), request.GET.get("sort", ""))
    number = request.GET.get("page", "1")
    context = {
        "q": text,
        "branch": branch,
        "shown": Paginator(found, PAGE).get_page(number),
        "total": len(found),
        "kinds": _kind_tabs(request, sums["kind"], len(looked)),
        "filters": _filters(request, sums),
        "chips": _chips(request, text, branch),
        "clear": request.path,
    }
    return page(request, "registry/standards/list.html", _framed(context, branch), part="registry/standards/_list.html")


def _framed(context: dict[str, Any], branch: str) -> dict[str, Any]:
    return {"tree": catalog.tree(), "branch": branch, "open": set(_steps(branch)), **context}


def _steps(branch: str) -> list[str]:
    words = branch.split("|")
    return ["|".join(words[: at + 1]) for at in range(len(words))]


def _filtered(found: list[catalog.Entry], request: HttpRequest) -> list[catalog.Entry]:
    wanted = {name: request.GET.get(name, "") for name in ("kind", "origin", "certainty")}
    return [e for e in found if all(not value or getattr(e, name) == value for name, value in wanted.items())]


def _sorted(found: list[catalog.Entry], sort: str) -> list[catalog.Entry]:
    key = SORTS.get(sort.lstrip("-"))
    return sorted(found, key=key, reverse=sort.startswith("-")) if key else found


def _kind_tabs(request: HttpRequest, sums: dict[str, int], total: int) -> list[Any]:
    options = [(kind, words, sums[kind]) for kind, words in catalog.LISTED.items() if sums[kind]]
    return tabs(request, "kind", [("", _("全部"), total), *options])


def _filters(request: HttpRequest, sums: dict[str, Any]) -> list[dict[str, Any]]:
    certainties = {level: words for level, (_tone, words, _why) in catalog.CERTAINTY_WORDS.items()}
    sides = (("origin", _("来源级别"), catalog.ORIGIN_WORDS), ("certainty", _("确信度"), certainties))
    return [
        {
            "name": name,
            "label": label,
            "options": [
                (words[value], sums[name][value], with_query(request, **{name: value}))
                for value in words
                if sums[name][value]
            ],
        }
        for name, label, words in sides
        if not request.GET.get(name)
    ]


def _chips(request: HttpRequest, text: str, branch: str) -> list[dict[str, Any]]:
    certainty = catalog.CERTAINTY_WORDS.get(request.GET.get("certainty", ""))
    set_now = [
        ("q", _("检索"), text),
        ("in", _("目录"), catalog.branch_words(branch)),
        ("origin", _("来源级别"), catalog.ORIGIN_WORDS.get(request.GET.get("origin", ""))),
        ("certainty", _("确信度"), certainty[1] if certainty else ""),
    ]
    return [
        {"label": label, "value": value, "clear": with_query(request, **{name: None})}
        for name, label, value in set_now
        if value
    ]


# ---- one thing ----


def _thing(request: HttpRequest, kind: str, item: str, context: dict[str, Any], branch: str) -> HttpResponse:
    """The page of one thing, counted as read."""
    reads.count_reading(_ctx(request), kind, item)
    context |= {
        "kind": kind,
        "readings": reads.readings_of(kind, item),
        "may_download": _ctx(request).may("standards.download"),
    }
    return page(request, f"registry/standards/{kind}.html", _framed(context, branch))


@center("standards.view")
def element(request: HttpRequest, id: str) -> HttpResponse:
    """A data element with every place where it is used."""
    found = _found(load().elements, id)
    context = {
        "thing": found,
        "uses": selectors.uses_of_element(id),
        "value_set": load().value_sets.get(found.value_set_id),
    }
    return _thing(request, "element", id, context, selectors.branch_of("element", id))


@center("standards.view")
def value_set(request: HttpRequest, id: str) -> HttpResponse:
    """A value set with its codes as they stand on a day."""
    found = _found(load().value_sets, id)
    text = request.GET.get("q", "").strip()
    day = selectors.day_of(request.GET.get("on", ""))
    codes = selectors.codes_of(found, text, day)
    context = {
        "thing": found,
        "q": text,
        "on": day,
        "shown": Paginator(codes, 100).get_page(request.GET.get("page", "1")),
        "uses": selectors.uses_of_value_set(id),
        "forms": ("csv", "xlsx"),
        "dated": any(c.valid_from or c.valid_to for c in found.codes.values()),
    }
    return _thing(request, "value_set", id, context, selectors.branch_of("value_set", id))


@center("standards.view")
def data_set(request: HttpRequest, identifier: str) -> HttpResponse:
    """A data set with its fields, columns and value sets."""
    found = _found(load().data_sets, identifier)
    text = request.GET.get("q", "").strip()
    context = {
        "thing": found,
        "q": text,
        "fields": selectors.fields_of(found, text, request.GET.get("sort", "")),
        "document": load().documents.get(found.document_code),
        "standard": catalog.standard_words(found.standard),
        "value_sets": load().value_sets,
        "forms": ("csv", "xlsx", "sql", "yaml"),
    }
    return _thing(request, "data_set", identifier, context, selectors.branch_of("data_set", found.key))


@center("standards.view")
def document(request: HttpRequest, code: str) -> HttpResponse:
    """A shared document: sections, places with XPath and cardinality, and what is lacking."""
    found = _found(load().documents, code)
    text, section = request.GET.get("q", "").strip(), request.GET.get("section", "")
    places = selectors.places_of(found, text, section)
    context = {
        "thing": found,
        "q": text,
        "section": section,
        "sections": selectors.sections_of(found),
        "shown": Paginator(places, 60).get_page(request.GET.get("page", "1")),
        "lacking": selectors.lacking_of(found),
        "data_sets": [d for d in load().data_sets.values() if d.key in found.data_sets],
        "record_fields": found.record_fields if not found.elements else (),
        "forms": ("csv", "xlsx") if found.elements else (),
    }
    return _thing(request, "document", code, context, f"document|{found.family}")


@center("standards.view")
def service(request: HttpRequest, name: str) -> HttpResponse:
    """An interconnection service with the fields of its messages."""
    found = _found(load().services, name)
    twin = next((s for s in load().services.values() if found.twin and s.action == found.twin.split(" ")[0]), None)
    sides = [
        (_("请求"), found.request, [f for f in found.fields if f.side == "request"]),
        (_("应答"), found.response, [f for f in found.fields if f.side == "response"]),
    ]
    context = {
        "thing": found,
        "twin": twin,
        "sides": sides,
        "elements": load().elements,
        "edition": catalog.FAMILIES[found.edition],
    }
    return _thing(request, "service", name, context, f"service|{found.edition}")


@center("standards.view")
def oid(request: HttpRequest, oid: str) -> HttpResponse:
    """An object identifier and what bears it."""
    found = _found(load().oids, oid)
    context = {
        "thing": found,
        "bearers": selectors.bearers_of(oid),
        "kind_word": catalog.OID_KINDS.get(found.kind, found.kind),
    }
    return _thing(request, "oid", oid, context, "oid")


@center("standards.view")
def form(request: HttpRequest, name: str) -> HttpResponse:
    """A public-health service form as one system shows it."""
    rows = _found(load().forms, name)
    return _thing(request, "form", name, {"name": name, "rows": rows}, "form")


# ---- downloads and report ----


@center("standards.download")
def download_data_set(request: HttpRequest, identifier: str, form: str) -> HttpResponse:
    """A data set as CSV, workbook, DDL or YAML."""
    found = _found(load().data_sets, identifier)
    if form in exports.DECLARATIONS:
        media, write = exports.DECLARATIONS[form]
        return _file(request, "data_set", identifier, form, media, write(found))
    return _sheet(request, "data_set", identifier, form, exports.data_set_sheet(found))


@center("standards.download")
def download_value_set(request: HttpRequest, form: str, id: str) -> HttpResponse:
    """A value set as CSV or workbook."""
    return _sheet(request, "value_set", id, form, exports.value_set_sheet(_found(load().value_sets, id)))


@center("standards.download")
def download_document(request: HttpRequest, code: str, form: str) -> HttpResponse:
    """The places of a shared document as CSV or workbook."""
    return _sheet(request, "document", code, form, exports.document_sheet(_found(load().documents, code)))


def _sheet(request: HttpRequest, kind: str, item: str, form: str, sheet: exports.Sheet) -> HttpResponse:
    media, write = _found(exports.TABLES, form)
    return _file(request, kind, item, form, media, write(sheet), sheet.name)


def _file(
    request: HttpRequest, kind: str, item: str, form: str, media: str, content: bytes, name: str = ""
) -> HttpResponse:
    reads.count_reading(_ctx(request), kind, item, form=form)
    response = HttpResponse(content, content_type=media)
    response.headers["Content-Disposition"] = f'attachment; filename="{name or item}.{form}"'
    return response


@center("standards.view")
def report(request: HttpRequest) -> HttpResponse:
    """What is registered by origin and certainty, and what is read most."""
    context = {
        "origins": catalog.by_origin(),
        "certainties": [
            (*catalog.CERTAINTY_WORDS[level], kinds, total) for level, kinds, total in catalog.by_certainty()
        ],
        "kinds": [(kind, words) for kind, words in catalog.LISTED.items() if kind not in catalog.INSIDE],
        "read": selectors.named(reads.most_read()),
        "totals": reads.reading_totals(),
        "total": len(catalog.entries()),
    }
    return page(request, "registry/standards/report.html", _framed(context, ""))
