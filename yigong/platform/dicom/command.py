"""``yigong dicom``: archives registered and looked through."""

from __future__ import annotations

import argparse
import sys
from datetime import date

from yigong.kit.ctx import system
from yigong.kit.errors import Fault
from yigong.platform.dicom import services
from yigong.platform.dicom.models import Pacs


def main(arguments: list[str]) -> int:
    """Run one of ``pacs`` and ``sync``."""
    options = _parser().parse_args(arguments)
    if options.what == "pacs":
        found = services.save_pacs(
            system(), options.code, name=options.name or options.code, base_url=options.url,
            login_name=options.user, org_code=options.org,
        )  # fmt: skip
        print(f"{found.code} {found.base_url}")
        if options.user:
            name = f"YIGONG_SECRET_PACS_{options.code.upper()}"
            print(f"密码请放入 {name} 或 {name}_FILE / put the password into {name} or {name}_FILE")
        return 0
    return _sync(options.code, since=options.since)


def _sync(code: str, *, since: date | None) -> int:
    wanted = Pacs.objects.filter(is_active=True, **({"code": code} if code else {}))
    if not wanted:
        print("没有登记影像归档 / no archive is registered: yigong dicom pacs CODE --url …", file=sys.stderr)
        return 2
    worst = 0
    for pacs in wanted:
        try:
            for line in services.lines(services.sweep(system(), pacs, since=since)):
                print(f"{pacs.code}: {line}")
        except Fault as fault:
            print(f"{pacs.code}: {fault.code} {fault.facts.get('reason', '')}", file=sys.stderr)
            worst = 1
    return worst


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="yigong dicom", description="影像归档（DICOMweb） / image archives")
    acts = parser.add_subparsers(dest="what", required=True)
    pacs = acts.add_parser("pacs", help="登记归档 / register an archive")
    pacs.add_argument("code")
    pacs.add_argument("--url", required=True, help="DICOMweb 根地址 / root of QIDO-RS and WADO-RS")
    pacs.add_argument("--name", default="")
    pacs.add_argument("--user", default="")
    pacs.add_argument("--org", default="", help="影像没有写明机构时归属 / institution of studies that name none")
    sync = acts.add_parser("sync", help="核对检查目录 / bring the index up to date")
    sync.add_argument("code", nargs="?", default="")
    sync.add_argument("--since", type=date.fromisoformat, default=None, metavar="YYYY-MM-DD")
    return parser
