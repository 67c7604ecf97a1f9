"""What one ``GET /Patient/id`` costs the processor: through the WSGI application with a real token, on PostgreSQL, without a socket.

``python -m benchmarks.fhir_read``; READS changes the number, PROFILE=1 says where the time goes. Processor time of this
process and of the database's, by the read. Closes with one line of JSON.
"""

from __future__ import annotations

import cProfile
import io
import json
import os
import pstats
import time
from collections.abc import Callable
from typing import Any

from benchmarks.bench_fhir import ORG, _person, _postgres_seconds, _prepare

READS = int(os.environ.get("READS", "3000"))
PATIENTS = 200


def main() -> None:
    """Make patients, read them."""
    from yigong.portal import postgres
    from yigong.portal.env import use_database

    own = postgres.ensure()
    with postgres.extra_database("bench_fhir_read") as url:
        use_database(url)
        from yigong.portal.cli import setup

        setup()
        secret = _prepare()
        from yigong.portal.wsgi import application

        figures = _figures(application, _token(application, secret))
        from django.db import connections

        connections.close_all()
        connections["default"].close_pool()
        use_database(own)
    print(json.dumps({"name": "fhir_read", "ratios": {}, "figures": figures}))


def _token(application: Any, secret: str) -> str:
    body = f"grant_type=client_credentials&client_id=bench&client_secret={secret}".encode()
    kind = {"CONTENT_TYPE": "application/x-www-form-urlencoded"}
    return str(json.loads(_ask(application, "POST", "/fhir/r4/auth/token", body, kind))["access_token"])


def _ask(application: Any, method: str, path: str, body: bytes, more: dict[str, str]) -> bytes:
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1", "CONTENT_LENGTH": str(len(body)), "HTTP_HOST": "127.0.0.1",
        "HTTP_ACCEPT": "application/fhir+json", "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http", "wsgi.version": (1, 0), "wsgi.multithread": True, "wsgi.multiprocess": True, **more,
    }  # fmt: skip
    said: list[str] = []
    answer = application(environ, lambda status, headers, *_: said.append(status))
    found = b"".join(answer)
    answer.close()
    if not said[0].startswith("2"):
        raise RuntimeError(f"{said[0]} {found[:300]!r}")
    return found


def _figures(application: Any, token: str) -> dict[str, Any]:
    headers = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
    for n in range(PATIENTS):
        _ask(
            application,
            "PUT",
            f"/fhir/r4/Patient/p{n}",
            json.dumps(_person(n)).encode(),
            {**headers, "CONTENT_TYPE": "application/fhir+json"},
        )

    def read() -> None:
        for n in range(READS):
            _ask(application, "GET", f"/fhir/r4/Patient/p{n * 7919 % PATIENTS}", b"", headers)

    _ask(application, "GET", "/fhir/r4/Patient/p1", b"", headers)
    if os.environ.get("PROFILE"):
        _profiled(read)
    rounds = []
    for _ in range(3):
        ours, theirs = time.process_time(), _postgres_seconds()
        read()
        rounds.append((time.process_time() - ours, _postgres_seconds() - theirs))
    best, database = min(rounds)
    return {
        "org": ORG, "reads": READS, "application_ms": round(best * 1e3 / READS, 3), "postgresql_ms": round(database * 1e3 / READS, 3),
        "load_average": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def _profiled(work: Callable[[], None]) -> None:
    profile = cProfile.Profile(time.process_time)
    profile.runcall(work)
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("cumulative").print_stats(60)
    print(text.getvalue())


if __name__ == "__main__":
    main()
