"""Sends cases over the network, as a vendor's system would, and has the answers judged."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import httpx
from lxml import etree

from yigong.platform.conformance.cases import Case
from yigong.platform.conformance.judging import Heard, Schema, Verdict, judge
from yigong.platform.hl7v3.api import MEDIA, NAMESPACE, OPERATION, call

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
