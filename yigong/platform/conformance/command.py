"""``yigong conformance``: the cases of the interconnection evaluation, run against a platform or a vendor's endpoint.

``services`` asks over the network and nowhere else; ``documents`` judges files. The report by item goes to the files named
with ``--out`` (``.html``, ``.pdf``, ``.json``) and onto the desk's pages. Exit code 0 when everything passed, 1 when not.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.utils import timezone

from yigong.kit.ctx import system
from yigong.kit.errors import Refused
from yigong.platform.conformance import asking, papers, reporting, services
from yigong.platform.conformance.asking import Target
from yigong.platform.conformance.models import Run
from yigong.standards.api import load
from yigong.standards.cda.places import made_kinds
from yigong.web.http import sentence

WRITERS = {
    ".html": lambda f, h: reporting.as_html(f, h).encode(),
    ".pdf": reporting.as_pdf,
    ".json": lambda f, h: json.dumps({"head": h, **f}, ensure_ascii=False, indent=1, default=str).encode(),
}


def main(arguments: list[str]) -> int:
    """Run ``services`` or ``documents``."""
    given = _parser().parse_args(arguments)
    for out in given.out:
        if out.suffix not in WRITERS:
            print(f"{out}: .html .pdf .json", file=sys.stderr)
            return 2
    return _services(given) if given.part == "services" else _documents(given)


def _target(given: argparse.Namespace) -> Target:
    secret = (
        given.secret_file.read_text("utf-8").strip() if given.secret_file else os.environ.get("YIGONG_APP_SECRET", "")
    )
    url = given.url.rstrip("/") + ("" if given.exact else "/ws/{service}")
    return Target(url, given.app, secret, given.soap)


def _fetched(given: argparse.Namespace) -> Iterator[tuple[str, bytes]]:
    """The documents of the persons named, as the endpoint's own services give them out."""
    for id_no in given.person or ():
        yield from asking.fetched(_target(given), id_no)


def _services(given: argparse.Namespace) -> int:
    target = _target(given)
    url = target.url
    listed = services.plan(only=given.only or (), folder=given.cases)
    run = services.ask(services.begin(system(), "services", url, len(listed)), target, listed, schemas=given.schemas)
    for item in run.result["items"]:
        print(f"{'✓' if item['word'] == 'pass' else '✗'} {item['key']:10} {item['title_zh']}")
        for case in (c for c in item["cases"] if c["word"] == "fail"):
            why = "；".join(n["zh"] for n in case["notes"] if not n["ok"])
            print(f"    {case['id']} {case['title_zh']}：{why} {case['said']}".rstrip())
    return _told(run, given.out)


def _documents(given: argparse.Namespace) -> int:
    try:
        files = [*papers.read(given.paths), *_fetched(given)]
    except Refused as refused:
        print(sentence(refused), file=sys.stderr)
        return 1
    if not files:
        print("没有 XML 文件 / no XML files", file=sys.stderr)
        return 2
    run = services.check(services.begin(system(), "documents", f"{len(files)} 份文档", len(made_kinds(load()))), files)
    for item in run.result["items"]:
        if item["word"] != "absent":
            sign = "✓" if item["word"] == "pass" else "✗"
            print(
                f"{sign} {item['key']} {item['title_zh']} {item['satisfied']}/{item['required']} 注明未知 {item['unknown']} 错误 {item['errors']} {item['file']}"
            )
    return _told(run, given.out)


def _told(run: Run, outs: list[Path]) -> int:
    counts = run.result["tally"]
    print(" · ".join(f"{k} {v}" for k, v in counts.items()))
    for out in outs:
        out.write_bytes(WRITERS[out.suffix](run.result, head(run)))
        print(out)
    return 0 if not counts["fail"] and not counts.get("unjudged") else 1


def head(run: Run) -> dict[str, Any]:
    """What stands at the head and foot of a report."""
    at = timezone.localtime(run.started_at).strftime("%Y-%m-%d %H:%M")
    return {"target": run.target, "at": at, "scope": run.target, "mark": f"{run.by_name} · {at} · № {run.pk}"}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="yigong conformance", description="互联互通符合性测试 / conformance desk")
    parts = parser.add_subparsers(dest="part", required=True)
    asked = parts.add_parser("services", help="交互服务 / services of an endpoint")
    asked.add_argument("--only", nargs="+", metavar="KEY", help="只测这些服务 / only these services")
    asked.add_argument(
        "--cases", type=Path, metavar="DIR", help="另加目录中的评测消息 / messages of an evaluation besides"
    )
    asked.add_argument("--schemas", type=Path, metavar="DIR", help="应答架构（.xsd）目录 / schemas of replies")
    checked = parts.add_parser("documents", help="共享文档 / shared documents")
    checked.add_argument("paths", nargs="*", type=Path)
    checked.add_argument(
        "--person", nargs="+", metavar="ID_NO", help="经 EHR-PL-19、20 取这些人的文档 / documents of these persons, fetched by the services"
    )  # fmt: skip
    for part in (asked, checked):
        part.add_argument("--url", default="http://127.0.0.1:8000", help="平台地址 / address of the platform")
        part.add_argument(
            "--exact",
            action="store_true",
            help="地址即端点，{service} 代表服务编号 / the address is the endpoint itself",
        )
        part.add_argument("--app", default=os.environ.get("YIGONG_APP", ""), help="应用名（YIGONG_APP）/ application")
        part.add_argument("--secret-file", type=Path, help="密钥文件，缺省取 YIGONG_APP_SECRET / file with the secret")
        part.add_argument("--soap", choices=("1.2", "1.1"), default="1.2")
        part.add_argument("--out", type=Path, nargs="*", default=[], metavar="FILE", help=".html .pdf .json")
    return parser
