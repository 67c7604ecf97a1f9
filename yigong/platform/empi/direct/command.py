"""``yigong lookup``: the direct door of the index, a server of its own beside the page server."""

from __future__ import annotations

import argparse
import gc
from typing import Any

from django.db import connection

from yigong.platform.empi import alike
from yigong.platform.empi.rules import model


def main(arguments: list[str]) -> int:
    """Serve until told to end."""
    import uvicorn

    from yigong.platform.empi.direct.app import App

    parser = argparse.ArgumentParser(prog="yigong lookup", description="look-ups of persons over HTTP / 身份查找服务")
    parser.add_argument("--bind", default="127.0.0.1:8010")
    host, _, port = parser.parse_args(arguments).bind.rpartition(":")
    application = App(database_url())
    warm()
    uvicorn.run(application, host=host, port=int(port), log_level="warning", access_log=False, server_header=False,
                date_header=False, lifespan="on", backlog=512)  # fmt: skip
    return 0


def database_url() -> str:
    """The database of this installation for connections of our own."""
    from psycopg.conninfo import make_conninfo

    facts: dict[str, Any] = connection.settings_dict
    given = {"dbname": facts["NAME"], "user": facts["USER"], "password": facts["PASSWORD"], "host": facts["HOST"], "port": facts["PORT"]}  # fmt: skip
    return make_conninfo("", **{name: value for name, value in given.items() if value})


def warm() -> None:
    """Load what the first question would load, and let the collector leave it alone."""
    from yigong.platform.empi.direct.door import bearer

    asked = alike.question({"full_name": "王秀兰", "born_on": "1959-03-14"}, model())
    alike.scores(asked, [asked.facts], model(), (10.0, 2.0))
    bearer()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
