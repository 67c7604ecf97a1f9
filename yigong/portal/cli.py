"""The command ``yigong``."""

from __future__ import annotations

import importlib
import os
import sys

from yigong.portal import wiring

HELP = """yigong: the information platform of a county medical community 县域医共体信息平台

  yigong serve [--bind 127.0.0.1:8000]   serve the pages / 启动网页服务
  yigong migrate                         bring the database to this version / 更新数据库结构
  yigong work [--once]                   run due feeds, deliver events / 运行到期任务，投递事件
  yigong stop                            end the local servers / 停止本机服务
  yigong manage …                        any command of Django
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    name, rest = (words[0], words[1:]) if words else ("help", [])
    if name in ("help", "-h", "--help"):
        print(HELP + "\n".join(f"  yigong {n} --help" for n in wiring.COMMANDS))
        return 0
    if name == "stop":
        from yigong.portal import serve

        return serve.stop(rest)
    if name in wiring.PLAIN_COMMANDS:  # numpy starts threads for matrices when imported; these hardly use them
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        return _named(name, rest) if name in wiring.PLAIN_COMMANDS else _with_database(name, rest)
    except KeyboardInterrupt:
        return 130


def _with_database(name: str, rest: list[str]) -> int:
    from yigong.portal import postgres

    try:
        return _run(name, rest)
    except postgres.NoPostgres as error:
        print(error, file=sys.stderr)
        return 2


def _run(name: str, rest: list[str]) -> int:
    setup(database=not _asks(rest))
    if name == "demo":
        return _demo(rest)
    if name in wiring.COMMANDS:
        return _named(name, rest)
    match name:
        case "serve":
            from yigong.portal import serve

            return serve.main(rest)
        case "work":
            from yigong.portal import serve

            return serve.work(rest)
        case "migrate":
            return _manage(["migrate", *rest])
        case "manage":
            return _manage(rest)
    print(f"yigong {name}: no such command; see `yigong help` / 没有这个命令", file=sys.stderr)
    return 2


def _demo(rest: list[str]) -> int:
    """The demonstration: tables, the county's data, then the pages unless ``--once``."""
    if not _asks(rest):
        _manage(["migrate", "--verbosity", "0"])
    done = _named("demo", rest)
    if done or _asks(rest) or "--once" in rest:
        return done
    from yigong.portal import serve

    return serve.main([])


def _asks(rest: list[str]) -> bool:
    """Whether a command is only asked what it does: nothing is started then."""
    return bool({"-h", "--help"} & set(rest))


def _named(name: str, rest: list[str]) -> int:
    module, _, function = wiring.COMMANDS[name].partition(":")
    return int(getattr(importlib.import_module(module), function)(rest) or 0)


def setup(*, database: bool = True) -> None:
    """A running database and a ready Django; without *database* only what the help of a command needs."""
    from yigong.portal import postgres

    if database:
        postgres.ensure()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yigong.portal.settings")
    import django

    django.setup()


def _manage(arguments: list[str]) -> int:
    from django.core.management import execute_from_command_line

    execute_from_command_line(["yigong manage", *arguments])
    return 0
