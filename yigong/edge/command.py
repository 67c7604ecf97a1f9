"""``yigong edge``: a node enrolled, run, looked at. Needs neither Django nor PostgreSQL."""

from __future__ import annotations

import argparse
import errno
import json
import logging
import os
import sqlite3
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from yigong.edge import health, identity, keys
from yigong.edge.buffer import FILE, Buffer
from yigong.edge.configuration import read_document
from yigong.edge.language import told
from yigong.edge.sentences import said_of
from yigong.kit.errors import Fault, Refused

#: exit codes; ``run`` ends with 3 where the centre revoked the node
WELL, AMISS, REFUSED, REVOKED, AWAY = range(5)
ACTS: Mapping[str, tuple[str, str]] = {
    "enrol": ("用一次性接入码接入中心", "join the centre with a one-time code"),
    "run": ("读取、缓存、传送，直到停止", "read, keep, send until stopped"),
    "status": ("节点状态，不联网", "how the node stands; asks nobody"),
    "log": ("节点自己的日志", "the node's own log"),
    "doctor": ("自检：哪里不对，怎么办", "what is wrong, and what to do"),
    "rotate-key": ("更换密钥", "change the node's key"),
}
EXITS = (
    "退出码：0 完成；1 自检有异常或程序故障；2 参数不对或被拒绝；3 中心已注销本节点；4 连不上中心，可以再试。",
    "Exit codes: 0 done; 1 something is amiss, or a fault of the program; 2 wrong words, or refused; 3 the centre has revoked\n"
    "this node; 4 the centre does not answer, try again.",
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code."""
    options = _parser().parse_args(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        return int(options.act(options))
    except (Refused, Fault) as error:
        return _told(error.code, error.facts)
    except sqlite3.Error as error:
        return _told("edge.buffer_broken", {"path": options.home / FILE, "reason": error})
    except KeyboardInterrupt:
        return AMISS
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return _told("edge.disk_full", {})
        return _told("edge.system", {"path": error.filename or options.home, "reason": error.strerror or error})


def _told(code: str, facts: Mapping[str, Any]) -> int:
    """Say what is wrong in the language of the machine; the exit code that belongs to it."""
    print(told(*said_of(code, facts), between="\n"), file=sys.stderr)
    return {"edge.away": AWAY, "edge.revoked": REVOKED, "edge.disk_full": AMISS, "edge.system": AMISS, "edge.buffer_broken": AMISS}.get(code, REFUSED)  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    name = "yigong-edge" if Path(sys.argv[0]).name.startswith("yigong-edge") else "yigong edge"
    plain = argparse.RawDescriptionHelpFormatter
    about = told("机构边缘节点：读本机构的库和文件，先存在本机，网络通时传给中心。", "The node at an institution: reads its databases and files, keeps them here, sends them when the network allows.", between="\n")  # fmt: skip
    parser = argparse.ArgumentParser(prog=name, description=about, epilog=told(*EXITS, between="\n"), formatter_class=plain)  # fmt: skip
    home = os.environ.get("YIGONG_EDGE_HOME") or str(Path.home() / ".yigong-edge")
    where = told("节点目录（也可用环境变量 YIGONG_EDGE_HOME），现为 %(default)s", "folder of the node (or YIGONG_EDGE_HOME), now %(default)s")  # fmt: skip
    parser.add_argument("--home", type=Path, default=Path(home), metavar="DIR", help=where)
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help=told("等待网络的秒数，默认 %(default)s", "seconds to wait for the network, %(default)s unless given"))  # fmt: skip
    acts = parser.add_subparsers(required=True, metavar=" | ".join(ACTS), title=told("命令", "commands"))
    made = {n: acts.add_parser(n, help=told(*words), description=told(*words, between="\n"), epilog=told(*EXITS, between="\n"), formatter_class=plain) for n, words in ACTS.items()}  # fmt: skip
    _arguments(made)
    return parser


def _arguments(made: Mapping[str, argparse.ArgumentParser]) -> None:
    enrol = made["enrol"]
    enrol.add_argument("--centre", required=True, metavar="URL", help=told("中心地址，如 https://centre.example", "address of the centre, as https://centre.example"))  # fmt: skip
    enrol.add_argument("--code", required=True, help=told("中心页面上的 20 位接入码，横线和大小写不论", "the 20 signs from the page of the centre; dashes and case do not matter"))  # fmt: skip
    enrol.add_argument("--authority", default="", metavar="FILE", help=told("县里自建证书机构的证书（PEM）", "certificate of a county's own authority (PEM)"))  # fmt: skip
    made["status"].add_argument("--json", action="store_true", help=told("给程序读", "for programs"))
    made["log"].add_argument("--lines", type=int, default=30, metavar="N", help=told("最近几行，默认 %(default)s", "how many of the last lines, %(default)s unless given"))  # fmt: skip
    acts: Mapping[str, Callable[[argparse.Namespace], int]] = {
        "enrol": _enrol, "run": _run, "status": _status, "log": _log, "doctor": _doctor, "rotate-key": _rotate,
    }  # fmt: skip
    for name, act in acts.items():
        made[name].set_defaults(act=act)


def _say(zh: str, en: str) -> None:
    print(told(zh, en, between="\n"))


def _enrol(options: argparse.Namespace) -> int:
    found = identity.enrol(
        options.home, options.centre, options.code, authority=options.authority, timeout=options.timeout
    )
    _say(f"已接入：{found.name}（{found.org_code}），节点 {found.node}", f"enrolled: {found.name} ({found.org_code}), node {found.node}")  # fmt: skip
    if rows := Buffer(options.home).queue().rows:
        _say(f"缓存里原有的 {rows} 行会由新节点传出。", f"The {rows} rows that waited here are sent by the new node.")
    _say("接下来：启动 run（或 systemctl start yigong-edge），在中心的节点页面分配采集源。", "Next: start run (or systemctl start yigong-edge), and assign feeds on the node's page at the centre.")  # fmt: skip
    return WELL


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
        return WELL
    queue, version = facts["queue"], facts["configuration"]
    _say(f"节点 {who.node} · {who.name} · {who.url} · {f'配置第 {version} 版' if version else '还没有配置'}", f"node {who.node} · {who.name} · {who.url} · {f'orders {version}' if version else 'no orders yet'}")  # fmt: skip
    if since := buffer.fact(identity.REVOKED):
        _say(f"中心已注销本节点（本机时间 {since[:19]}）", f"the centre has revoked this node ({since[:19]} by this clock)")  # fmt: skip
    _say(f"待传 {queue['bundles']} 包 {queue['rows']} 行 {queue['bytes']} 字节，最早 {queue['eldest_at'][:19] or '—'}", f"waiting: {queue['bundles']} bundles, {queue['rows']} rows, {queue['bytes']} bytes, the eldest {queue['eldest_at'][:19] or '—'}")  # fmt: skip
    titles = {f.name: f.title for f in (read_document(stored[1]).feeds if stored else ())}
    for feed in facts["feeds"]:
        _status_of(feed, titles.get(feed["name"], feed["name"]))
    return WELL


def _status_of(feed: Mapping[str, Any], title: str) -> None:
    error, refused = feed["error"] or {}, feed["waiting"]["refused"]
    zh, en = (error.get("zh", ""), error.get("en", "")) if error else said_of(refused, {"feed": title}) if refused else ("", "")  # fmt: skip
    rows, ended, waits = feed["rows"], feed["ended_at"][:19] or "—", feed["waiting"]["rows"]
    _say(f"  {title}：已读 {rows} 行，末次 {ended}，待传 {waits} 行 {zh}".rstrip(), f"  {title}: {rows} rows read, last {ended}, {waits} rows wait {en}".rstrip())  # fmt: skip


def _log(options: argparse.Namespace) -> int:
    identity.load(options.home)
    for line in reversed(Buffer(options.home).lines(max(1, options.lines))):
        print(f"{line.at[:19]} {'!' if line.grave else ' '} {told(line.zh, line.en)}")
    return WELL


def _doctor(options: argparse.Namespace) -> int:
    from yigong.edge import doctor

    found = doctor.look(options.home, timeout=min(options.timeout, 10.0))
    for line in found:
        mark = told("正常", "well") if line.is_well else told("异常", "amiss")
        print(f"{mark}  {told(line.zh, line.en, between=chr(10) + '      ')}")
    return WELL if all(line.is_well for line in found) else REVOKED if any(line.is_revoked for line in found) else AMISS


def _rotate(options: argparse.Namespace) -> int:
    who = identity.load(options.home)
    centre = identity.client(options.home, who, timeout=options.timeout)
    try:
        identity.rotate(options.home, who, centre)
    finally:
        centre.close()
    _say(f"密钥已更换：{options.home / keys.KEY}", f"key changed: {options.home / keys.KEY}")
    return WELL


if __name__ == "__main__":
    sys.exit(main())
