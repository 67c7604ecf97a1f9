"""``yigong edge``: a node enrolled, run, looked at. Needs neither Django nor PostgreSQL."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from pathlib import Path

from yigong.edge import health, identity, keys
from yigong.edge.buffer import Buffer
from yigong.edge.configuration import read_document
from yigong.edge.sentences import said_of
from yigong.kit.errors import Fault, Refused

HELP = """yigong edge: the node at an institution / 机构边缘节点

  enrol --centre URL --code CODE   join the centre with a one-time code / 用一次性接入码接入中心
  run                              read, keep, send until stopped / 读取、缓存、传送
  status [--json]                  how the node stands / 节点状态
  doctor                           what is wrong, and what to do / 自检
  rotate-key                       change the node's key / 更换密钥
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code."""
    options = _parser().parse_args(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        return int(options.act(options))
    except (Refused, Fault) as error:
        zh, en = said_of(error.code, error.facts)
        print(f"{zh}\n{en}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="yigong edge", description=HELP, formatter_class=argparse.RawTextHelpFormatter
    )
    home = os.environ.get("YIGONG_EDGE_HOME") or str(Path.home() / ".yigong-edge")
    parser.add_argument("--home", type=Path, default=Path(home), help="folder of the node / 节点目录")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds to wait for the network / 网络超时秒数")
    acts = parser.add_subparsers(required=True, metavar="enrol | run | status | doctor | rotate-key")
    enrol = acts.add_parser("enrol")
    enrol.add_argument("--centre", required=True, help="https://…")
    enrol.add_argument("--code", required=True, help="20 signs / 20 位接入码")
    enrol.add_argument(
        "--authority", default="", help="certificate of a county's own authority / 自建证书机构的证书文件"
    )
    enrol.set_defaults(act=_enrol)
    acts.add_parser("run").set_defaults(act=_run)
    status = acts.add_parser("status")
    status.add_argument("--json", action="store_true")
    status.set_defaults(act=_status)
    acts.add_parser("doctor").set_defaults(act=_doctor)
    acts.add_parser("rotate-key").set_defaults(act=_rotate)
    return parser


def _enrol(options: argparse.Namespace) -> int:
    found = identity.enrol(
        options.home, options.centre, options.code, authority=options.authority, timeout=options.timeout
    )
    print(f"已接入：{found.name}（{found.org_code}），节点 {found.node}\nenrolled: {found.name}, node {found.node}")
    return 0


def _run(options: argparse.Namespace) -> int:
    from yigong.edge import node  # what reads and maps is heavy, and only needed here

    return node.run(options.home, timeout=options.timeout)


def _status(options: argparse.Namespace) -> int:
    who = identity.load(options.home)
    buffer = Buffer(options.home)
    stored = buffer.configuration()
    facts = health.facts(buffer, read_document(stored[1]) if stored else None)
    if options.json:
        print(json.dumps({"node": who.node, "centre": who.url, **facts}, ensure_ascii=False, indent=1))
        return 0
    queue = facts["queue"]
    print(f"节点 {who.node} · {who.name} · {who.url} · 配置第 {facts['configuration']} 版")
    print(f"待传 {queue['bundles']} 包 {queue['rows']} 行 {queue['bytes']} 字节，最早 {queue['eldest_at'] or '—'}")
    for feed in facts["feeds"]:
        wrong = (feed["error"] or {}).get("zh", "") or feed["waiting"]["refused"]
        print(
            f"  {feed['name']}: 已读 {feed['rows']} 行，末次 {feed['ended_at'] or '—'}，待传 {feed['waiting']['rows']} 行 {wrong}"
        )
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from yigong.edge import doctor

    found = doctor.look(options.home, timeout=min(options.timeout, 10.0))
    for line in found:
        print(f"{'正常' if line.is_well else '异常'}  {line.zh}\n      {line.en}")
    return 0 if all(line.is_well for line in found) else 1


def _rotate(options: argparse.Namespace) -> int:
    who = identity.load(options.home)
    centre = identity.client(options.home, who, timeout=options.timeout)
    try:
        identity.rotate(options.home, who, centre)
    finally:
        centre.close()
    print(f"密钥已更换 / key changed: {keys.KEY}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
