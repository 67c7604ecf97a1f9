"""``yigong fhir import|publish|profiles|carry``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from yigong.kit.errors import Refused


def main(arguments: list[str]) -> int:
    """Run one of the commands; its exit code."""
    parser = argparse.ArgumentParser(prog="yigong fhir", description="FHIR R4 资源服务")
    commands = parser.add_subparsers(dest="command", required=True)
    bulk = commands.add_parser("import", help="NDJSON 或 Bundle 文件批量入库 / bulk import")
    bulk.add_argument("paths", nargs="+", type=Path)
    bulk.add_argument("--org", required=True, help="机构代码 / institution code")
    bulk.add_argument("--system", default="FHIR", help="来源系统 / source system")
    bulk.add_argument("--check", action="store_true", help="先按结构定义校验 / validate first")
    bulk.add_argument("--json", action="store_true")
    publish = commands.add_parser("publish", help="把平台已有的记录发布为 FHIR 资源 / publish what the platform has")
    publish.add_argument("--data-set", action="append", default=[])
    publish.add_argument(
        "--definitions", action="store_true", help="只发布结构定义、值集与代码系统 / only the definitions"
    )
    profiles = commands.add_parser(
        "profiles",
        help="载入配置文件、值集与代码系统（文件夹、JSON 文件或 .tgz 包）/ bring profiles, value sets and code systems",
    )
    profiles.add_argument("paths", nargs="+", type=Path)
    commands.add_parser("carry", help="把等待的资源转为标准记录 / carry what waits into the records")
    options = parser.parse_args(arguments)
    try:
        return {"import": _import, "publish": _publish, "profiles": _profiles, "carry": _carry}[options.command](
            options
        )
    except Refused as refused:
        from yigong.platform.fhir.answers import told

        zh, en = told(refused)
        print(f"{zh}\n{en}", file=sys.stderr)
        return 2


def _import(options: argparse.Namespace) -> int:
    from yigong.kit.ctx import Ctx, Purpose, Reach
    from yigong.platform.fhir.callers import Caller
    from yigong.platform.fhir.importing import Report, import_paths
    from yigong.platform.fhir.scopes import EVERYTHING
    from yigong.platform.registry.api import institution

    if institution(options.org) is None:
        raise Refused("fhir.institution_unknown", org_code=options.org)
    ctx = Ctx(0, "yigong fhir import", "system", options.org, (options.org,), frozenset(), Reach.COUNTY, Purpose.SYSTEM)

    def progress(report: Report) -> None:
        print(f"\r{report.read:,} …", end="", file=sys.stderr, flush=True)

    report = import_paths(
        Caller(ctx, EVERYTHING, options.system), options.paths, check=options.check, progress=progress
    )
    print(file=sys.stderr)
    if options.json:
        facts = {name: getattr(report, name) for name in Report.__slots__}
        print(json.dumps(facts, ensure_ascii=False))
    else:
        for place, zh, en in report.reasons:
            print(f"{place}: {zh} {en}")
        rate = report.read / report.seconds if report.seconds else 0
        print(f"读取 {report.read:,}，新建 {report.created:,}，更新 {report.updated:,}，相同 {report.unchanged:,}，拒收 {report.rejected:,}；"
              f"{report.seconds:.1f} s，{rate:,.0f} 资源/秒")  # fmt: skip
    return 1 if report.rejected else 0


def _publish(options: argparse.Namespace) -> int:
    from yigong.kit.ctx import system
    from yigong.platform.fhir import conformance
    from yigong.platform.fhir.publishing import publish

    if options.definitions:
        print(f"StructureDefinition, ValueSet, CodeSystem: {conformance.publish():,}")
        return 0
    for name, count in publish(system(), options.data_set).items():
        print(f"{name}: {count:,}")
    return 0


def _profiles(options: argparse.Namespace) -> int:
    from yigong.platform.fhir import packages

    done = packages.bring(options.paths)
    for place, zh, en in done.problems:
        print(f"{place}: {zh} {en}")
    counts = "，".join(f"{kind} {count:,}" for kind, count in sorted(done.read.items())) or "0"
    print(f"载入 {counts}；新建或更新 {done.changed:,}；略过其他资源 {done.passed:,}；问题 {len(done.problems):,}")
    return 1 if done.problems else 0


def _carry(_options: argparse.Namespace) -> int:
    from yigong.platform.fhir.api import work

    total = 0
    while done := work():
        total += done
    print(f"{total:,}")
    return 0
