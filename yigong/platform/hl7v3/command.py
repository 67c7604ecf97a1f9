"""``yigong hl7v3``: a vendor's hand tool for the services."""

from __future__ import annotations

import argparse
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

from lxml import etree

from yigong.kit.errors import Refused
from yigong.platform.hl7v3 import declared, soap
from yigong.platform.hl7v3.message import open_tree

TIMEOUT = 60.0
GOOD = "AA"


def main(arguments: list[str]) -> int:
    """Run the command; 0 when the answer is AA, 1 when it is another, 2 when there is none."""
    given = _parser().parse_args(arguments)
    return int(given.run(given))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="yigong hl7v3", description="HL7 v3 services / HL7 v3 交互服务")
    parts = parser.add_subparsers(dest="part", required=True)
    call = parts.add_parser("call", help="send a file and show the answer / 发送文件并显示应答")
    call.add_argument("service", help="EHR-PL-01, H0201 …, or HIPService / 服务编号")
    call.add_argument("file", help="the message, - for standard input / 消息文件")
    call.add_argument("--url", default="http://127.0.0.1:8000", help="the platform / 平台地址")
    call.add_argument(
        "--app", default=os.environ.get("YIGONG_APP", ""), help="name of the application (YIGONG_APP) / 应用名"
    )
    call.add_argument("--secret-file", help="file with the secret, else YIGONG_APP_SECRET / 密钥文件")
    call.add_argument("--action", help="action argument, else the service / action 参数")
    call.add_argument("--soap", choices=("1.2", "1.1"), default="1.2")
    call.set_defaults(run=_call)
    services = parts.add_parser("services", help="list the services / 列出服务")
    services.set_defaults(run=_services)
    example = parts.add_parser("example", help="write an example request / 生成样例请求")
    example.add_argument("service")
    example.set_defaults(run=_example)
    return parser


def _services(_given: argparse.Namespace) -> int:
    for spec in declared.specs().values():
        print(f"{spec.key:10} {spec.action:24} {spec.root:38} {spec.service.name_zh}")
    return 0


def _example(given: argparse.Namespace) -> int:
    from yigong.kit.clock import now
    from yigong.kit.ids import new_request_id
    from yigong.platform.hl7v3.examples import example

    spec = declared.by_name(given.service)
    if spec is None:
        print(f"no such service / 没有这个服务: {given.service}", file=sys.stderr)
        return 2
    print(example(spec, new_request_id(), now()))
    return 0


def _call(given: argparse.Namespace) -> int:
    data = sys.stdin.buffer.read() if given.file == "-" else Path(given.file).read_bytes()
    secret = (
        Path(given.secret_file).read_text("utf-8").strip()
        if given.secret_file
        else os.environ.get("YIGONG_APP_SECRET", "")
    )
    action = given.service if given.action is None else given.action
    body = soap.call(given.soap, action, data.decode("utf-8", "replace"), given.app, secret)
    headers = {"Content-Type": soap.MEDIA[given.soap], "SOAPAction": f'"{soap.NAMESPACE}/{soap.OPERATION}"'}
    url = f"{given.url.rstrip('/')}/ws/{given.service}"
    if not url.startswith(("http://", "https://")):
        print("--url must begin with http:// or https:// / 地址应以 http:// 或 https:// 开头", file=sys.stderr)
        return 2
    try:
        request = urllib.request.Request(url, body, headers)  # noqa: S310 - only the two schemes above
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            return _shown(answer.read())
    except urllib.error.HTTPError as error:
        return _fault(error.code, error.read())
    except OSError as error:
        print(f"no answer / 没有应答: {error}", file=sys.stderr)
        return 2


def _shown(content: bytes) -> int:
    """Print the reply; its word decides the exit code."""
    inside = "".join(e.text or "" for e in open_tree(content).iter("HIPMessageServerResult"))
    reply = open_tree(inside.encode())
    etree.indent(reply)
    print(etree.tostring(reply, encoding="unicode"))
    words = [e.get("typeCode") for e in reply.iter("acknowledgement")] + [
        e.get("status") for e in reply.iter("Response")
    ]
    return 0 if set(words or [reply.get("status")]) == {GOOD} else 1


def _fault(status: int, content: bytes) -> int:
    try:
        tree = open_tree(content)
        said = "".join(e.text or "" for e in tree.iter("Text", "faultstring"))
    except Refused:
        said = content[:200].decode("utf-8", "replace")
    print(f"HTTP {status}: {said}", file=sys.stderr)
    return 2
