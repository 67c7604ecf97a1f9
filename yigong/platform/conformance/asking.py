"""Sends cases over the network, as a vendor's system would, and has the answers judged."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import httpx
from lxml import etree

from yigong.kit.clock import now
from yigong.kit.errors import Refused
from yigong.kit.ids import new_request_id
from yigong.platform.conformance.cases import Case
from yigong.platform.conformance.judging import ACCEPTED, Heard, Schema, Verdict, detail, judge, reply_of, type_code
from yigong.platform.hl7v3.api import MEDIA, NAMESPACE, OPERATION, Rows, call, example, specs

SECONDS = 30.0
ANSWER_BYTES = 32 << 20
Progress = Callable[[int, Verdict], None]


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint: its address, with ``{service}`` where each service has one of its own, and who calls."""

    url: str
    name: str = ""
    secret: str = ""
    soap: str = "1.2"

    def address(self, item: str) -> str:
        """The address of a service."""
        return self.url.replace("{service}", "HIPService" if item == "endpoint" else item)


def ask(target: Target, cases: Iterable[Case], *, schema: Schema | None = None, progress: Progress | None = None) -> list[Verdict]:  # fmt: skip
    """Send the cases in order; the verdicts. An endpoint that is away makes its cases fail, nothing is raised."""
    verdicts: list[Verdict] = []
    with httpx.Client(timeout=SECONDS, trust_env=False, follow_redirects=False) as client:
        for case in cases:
            heard = _send(client, target, case)
            again = _send(client, target, case) if case.kind == "repeated" else None
            verdicts.append(judge(case, heard, again=again, schema=schema))
            if progress:
                progress(len(verdicts), verdicts[-1])
    return verdicts


def fetched(target: Target, id_no: str) -> Iterator[tuple[str, bytes]]:
    """The documents of a person as the services give them out: listed by EHR-PL-19, fetched one by one by EHR-PL-20."""
    with httpx.Client(timeout=SECONDS, trust_env=False, follow_redirects=False) as client:
        listed = _reply_of(client, target, "EHR-PL-19", {"IDCardNo": id_no}, {})
        for entry in listed.iter("{*}DocumentSet"):
            names = {n: entry.findtext(f"{{*}}{n}", "") for n in ("DocumentUniqueId", "RepositoryUniqueId")}
            given = _reply_of(client, target, "EHR-PL-20", {}, {"DocumentRequest": [names]})
            title = entry.findtext("{*}DocumentTitle", "")
            for document in given.iter("{*}Document"):
                yield f"{title} {names['DocumentUniqueId']}.xml", base64.b64decode(document.text or "")


def _reply_of(client: httpx.Client, target: Target, key: str, said: Mapping[str, str], groups: Mapping[str, Rows]) -> etree._Element:  # fmt: skip
    """The reply of a service. Raises Refused conformance.no_reply with what came instead."""
    spec = specs()[key]
    message = example(spec, new_request_id(), now(), said, groups)
    heard = _send(client, target, Case(key, key, "", "", "accept", "accept", spec.action, message))
    reply = reply_of(heard)
    if reply is None or type_code(reply) not in ACCEPTED:
        raise Refused("conformance.no_reply", service=key, why=detail(reply) if reply is not None else heard.failure or heard.status)  # fmt: skip
    return reply


def _send(client: httpx.Client, target: Target, case: Case) -> Heard:
    address = target.address(case.service)
    begun = time.perf_counter()
    try:
        if case.kind == "wsdl":
            answer = client.get(f"{address}?wsdl")
        else:
            answer = client.post(address, content=_envelope(target, case), headers=_headers(target))
    except httpx.HTTPError as error:
        return Heard(seconds=time.perf_counter() - begun, failure=type(error).__name__)
    return Heard(answer.status_code, answer.content[:ANSWER_BYTES], time.perf_counter() - begun)


def _envelope(target: Target, case: Case) -> bytes:
    name = "" if case.kind == "no_secret" else target.name
    secret = f"{target.secret}-not" if case.kind == "wrong_secret" else target.secret
    return call(target.soap, case.action, case.message, name, secret)


def _headers(target: Target) -> dict[str, str]:
    return {"Content-Type": MEDIA[target.soap], "SOAPAction": f'"{NAMESPACE}/{OPERATION}"'}


def schemas(folder: Path) -> Schema:
    """The schemas of replies that lie in a folder, by the name of the root element."""

    @lru_cache(maxsize=256)
    def found(root: str) -> etree.XMLSchema | None:
        file = next(folder.rglob(f"{root}.xsd"), None)
        return etree.XMLSchema(etree.parse(str(file))) if file else None

    return found
