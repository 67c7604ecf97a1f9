"""Terms: registered and changed as versions that wait for review; looked for by code."""

from __future__ import annotations

from lxml import etree

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.hl7v3.message import Request
from yigong.platform.hl7v3.models import Application
from yigong.platform.hl7v3.paths import all_at, read
from yigong.platform.hl7v3.replies import Answer
from yigong.platform.hl7v3.works import common
from yigong.platform.registry import api as registry

SETS = "/controlActProcess/subject/registrationRequest/subject1/valueSet"
STATES = {"draft": "0", "submitted": "0", "published": "1", "retired": "2"}
INACTIVE = ("0", "2", "inactive", "obsolete", "nullified")


def add(ctx: Ctx, application: Application, request: Request) -> Answer:
    """Register term sets, each with its version and codes; they wait for review."""
    count = sum(_save(ctx, request, found, new=True) for found in _sets(request))
    return Answer("AA", f"注册成功，{count} 个代码待审核发布")


def update(ctx: Ctx, application: Application, request: Request) -> Answer:
    """Change codes of versions that are not published yet."""
    count = sum(_save(ctx, request, found, new=False) for found in _sets(request))
    return Answer("AA", f"更新成功，{count} 个代码待审核发布")


def _sets(request: Request) -> list[etree._Element]:
    request.need("TermSetCode", "TermSetValue", "TermSetVersionCode")
    return all_at(request.tree, SETS)


def _save(ctx: Ctx, request: Request, found: etree._Element, *, new: bool) -> int:
    codes = [_code(item) for item in all_at(found, "/valueSetItems")]
    version = read(found, "/version/@code")
    registry.register_terms(
        ctx, read(found, "/id/@extension"), read(found, "/desc/@value"), version, codes, new=new,
        version_name=read(found, "/version/displayName/@value")[:100],
    )  # fmt: skip
    return len(codes)


def _code(item: etree._Element) -> registry.Code:
    status = read(item, "/statusCode/@code")
    return registry.Code(
        read(item, "/code/@code"), read(item, "/code/displayName/@value"), active=status not in INACTIVE
    )


def query(ctx: Ctx, application: Application, request: Request) -> Answer:
    """A term set: its published version, or the one that is named with the state it is in; all codes or one."""
    request.need("TermSetCode")
    version = registry.find_version(request.get("TermSetCode"), request.get("TermSetVersionCode"))
    if version is None:
        raise Refused("v3.nothing_found")
    codes = registry.codes_of(version, code=request.get("TermCode"))
    if request.get("TermCode") and not codes:
        raise Refused("v3.nothing_found")
    shown = common.cut(request, codes)
    row = {
        "TermSetCode": version.term_set.code, "TermSetValue": version.term_set.name, "TermSetStatus": STATES[version.state],
        "TermSetVersionCode": version.code, "TermSetVersionValue": version.name,
        "Items": [{"TermCode": c.code, "TermValue": c.name, "TermStatus": "1" if c.active else "0"} for c in shown],
    }  # fmt: skip
    facts = {
        "response_code": "OK",
        "query_id": request.get("QueryID"),
        **common.counts(request, len(codes), len(shown)),
    }
    return Answer("AA", f"查询成功，版本 {version.code}，共 {len(codes)} 个代码", facts=facts, rows=[row])
