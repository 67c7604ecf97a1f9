"""A whole installation that may be killed: its own PostgreSQL, page server and worker, a hospital's database and a node."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from yigong.portal.env import ROOT

MAPPING = """\
data_set: laboratory_test_record
source_system: {system}
key: [BGDH, XMBH]
event_at: {{from: BGRQ, parse: "%Y-%m-%d %H:%M:%S"}}
local_id: BRID
person: {{full_name: XM}}
filter: {{drop_when: {{ZF: "1"}}}}
fields:
  laboratory_test_report_no: BGDH
  laboratory_test_item_code: XMBH
  laboratory_test_quantitative_result: {{from: JG, kind: number}}
extra:
  item_name: XMMC
  note: BZ
unmapped: drop
"""
COLUMNS = ("BGDH", "XMBH", "XMMC", "JG", "BGRQ", "BRID", "XM", "ZF", "XH", "BZ")
RECORDS = "records_laboratory_test_record"


def until(is_so: Callable[[], Any], seconds: float, what: str | Callable[[], str]) -> None:
    """Wait for something; the test fails with *what* when it does not come."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, what if isinstance(what, str) else what()
        time.sleep(0.05)


@dataclass(frozen=True)
class Found:
    """Source and platform compared by their keys, after everything has come."""

    rows: int  # of the source
    loaded: int
    quarantined: int
    filtered: int  # of the source, as its own condition says
    lost: list[str]  # rows of the source that found no place
    twice: list[str]  # rows with more than one place, or inserted more than once
    astray: list[str]  # rows in a place that is not theirs, or that the source does not have
    unaccounted: int  # rows read that are in none of filtered, rejected, loaded
    open_bundles: int

    @property
    def adds_up(self) -> bool:
        """Source = loaded + quarantined + filtered, to the row, and nothing is left under way."""
        whole = self.rows == self.loaded + self.quarantined + self.filtered
        return whole and not self.unaccounted and not self.open_bundles


class Hospital:
    """A laboratory's database that keeps growing, and what ought to become of each of its rows."""

    def __init__(self, path: Path, *, filler: int = 0) -> None:
        self.path, self.filler, self.rows = path, filler, 0
        with sqlite3.connect(path) as db:
            db.execute("pragma journal_mode = wal")
            db.execute(f"create table lis ({', '.join(COLUMNS)}, primary key (BGDH, XMBH))")

    def grow(self, rows: int) -> None:
        """Add results; every 50th is void, every 37th cannot be read as a number."""
        lines = [self._line(n) for n in range(self.rows, self.rows + rows)]
        with sqlite3.connect(self.path, timeout=20) as db:
            db.executemany(f"insert into lis values ({', '.join('?' * len(COLUMNS))})", lines)
        self.rows += rows

    def _line(self, n: int) -> tuple[Any, ...]:
        result = "不详" if n % 37 == 5 else f"{3 + n % 70 / 10}"
        filler = os.urandom(self.filler).hex() if self.filler else ""
        moment = f"2026-03-{1 + n % 28:02d} 08:{n % 60:02d}:00"
        return (f"R{n // 2:06d}", f"I{n % 2}", "葡萄糖", result, moment, f"P{n % 7}", f"测试{n % 7}", "1" if n % 50 == 3 else "0", n + 1, filler)  # fmt: skip

    def keys(self, where: str) -> set[str]:
        """The keys of the rows that meet a condition, as the source itself counts them."""
        with sqlite3.connect(self.path, timeout=20) as db:
            return {f"{a}|{b}" for a, b in db.execute(f"select BGDH, XMBH from lis where {where}")}


class County:
    """An installation of its own; each test brings its own hospital, told apart by its source system."""

    def __init__(self, local: Path) -> None:
        self.local = local
        self.port = free_port()
        outside = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "DATABASE_URL", "COV_"))}
        self.env = {**outside, "YIGONG_LOCAL": str(local), "YIGONG_WEB_PROCESSES": "1", "YIGONG_WEB_THREADS": "4"}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.clerk: subprocess.Popen[str] | None = None  # sets feeds up: started once for all tests
        self.do("migrate", "--verbosity", "0")

    @property
    def url(self) -> str:
        """The database, wherever it listens now."""
        server = json.loads((self.local / "postgres.json").read_text("utf-8"))
        password = json.loads((self.local / "secrets.json").read_text("utf-8"))["postgres"]
        return f"postgresql://yigong:{password}@127.0.0.1:{server['port']}/yigong"

    def do(self, *arguments: str) -> None:
        """A command of the installation, to its end."""
        done = subprocess.run([sys.executable, "-m", "yigong.portal", *arguments], cwd=ROOT, env=self.env, capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]

    def start(self, name: str) -> None:
        """Start ``server`` or ``worker``; what was killed before is started again the same way."""
        words = {"server": ["serve", "--bind", f"127.0.0.1:{self.port}"], "worker": ["work"]}[name]
        if name == "server":
            until(lambda: not listens(self.port), 20, "the old server does not let go")
        with (self.local / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen([sys.executable, "-m", "yigong.portal", *words], cwd=ROOT, env=self.env, stdout=log, stderr=log, start_new_session=True)  # fmt: skip
        if name == "server":
            until(lambda: listens(self.port), 60, (self.local / "server.log").read_text()[-2000:])

    def kill(self, name: str) -> None:
        """kill -9, with all of its children."""
        process = self.running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_database(self) -> None:
        """kill -9 of the database; it recovers from its log when it is started again."""
        server = json.loads((self.local / "postgres.json").read_text("utf-8"))
        pid = int((Path(server["data"]) / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        until(lambda: not listens(server["port"]), 20, "the database lives on")

    def start_database(self) -> None:
        """Start the database again, as soon as what is left of the old one has gone."""
        code = "from yigong.portal import postgres; postgres.ensure()"
        for _ in range(20):
            done = subprocess.run(
                [sys.executable, "-c", code], cwd=ROOT, env=self.env, capture_output=True, check=False
            )
            if done.returncode == 0:
                return
            time.sleep(0.5)
        raise AssertionError(done.stderr[-2000:])

    def end(self) -> None:
        """End all that runs."""
        for name in list(self.running):
            self.kill(name)
        if self.clerk is not None:
            self.clerk.kill()
            self.clerk.wait()
        self.do("stop")

    def invite(self, hospital: Hospital, system: str, **more: Any) -> tuple[str, int]:
        """A feed of the hospital given to an invited node; the code and the feed."""
        facts = {"system": system, "path": str(hospital.path), "mapping": MAPPING.format(system=system), **more}
        if self.clerk is None or self.clerk.poll() is not None:
            command = [sys.executable, "-m", "tests.faults.edge_county"]
            self.clerk = subprocess.Popen(command, cwd=ROOT, env={**self.env, "DATABASE_URL": self.url}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # fmt: skip
        assert self.clerk.stdin is not None and self.clerk.stdout is not None
        self.clerk.stdin.write(json.dumps(facts) + "\n")
        self.clerk.stdin.flush()
        line = next((x for x in iter(self.clerk.stdout.readline, "") if x.startswith('{"code"')), "")
        assert line, "the clerk's process ended"
        said = json.loads(line)
        return said["code"], said["feed"]

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of the installation's database; none while it is away."""
        try:
            with psycopg.connect(self.url, connect_timeout=3) as db:
                return db.execute(sql, values).fetchall()  # type: ignore[arg-type]
        except psycopg.OperationalError:
            return []

    def settled(self, feed_id: int) -> int:
        """Distinct rows of a feed that have found their place: loaded or in quarantine."""
        sql = f"""select (select count(*) from {RECORDS} where source_system = (select substr(name, 5) from exchange_feed where id = %s))
                       + (select count(*) from exchange_quarantine where feed_id = %s)"""
        found = self.ask(sql, feed_id, feed_id)
        return int(found[0][0]) if found else -1

    def reconcile(self, hospital: Hospital, system: str, feed_id: int) -> Found:
        """Source and platform compared by their keys: every row exactly once in the records, in quarantine, or filtered."""
        loaded = [r[0] for r in self.ask(f"select source_key from {RECORDS} where source_system = %s", system)]
        waiting = [f"{r[0]}|{r[1]}" for r in self.ask("select raw->>'BGDH', raw->>'XMBH' from exchange_quarantine where feed_id = %s", feed_id)]  # fmt: skip
        inserted = self.ask("select coalesce(sum(b.inserted), 0)::bigint from exchange_batch b join exchange_job j on j.id = b.job_id where j.feed_id = %s", feed_id)[0][0]  # fmt: skip
        sums = self.ask("select coalesce(sum(read - filtered - rejected - inserted - updated - unchanged), -1) from exchange_job where feed_id = %s", feed_id)[0]  # fmt: skip
        still = self.ask("select count(*) from edge_bundle where feed_id = %s and state <> 'carried'", feed_id)[0][0]
        good, bad = hospital.keys("ZF = '0' and JG <> '不详'"), hospital.keys("ZF = '0' and JG = '不详'")
        places = Counter([*loaded, *waiting])
        twice = [key for key, count in places.items() if count > 1]
        if inserted != len(loaded):
            twice.append(f"{inserted} inserted, {len(loaded)} there")
        return Found(
            rows=hospital.rows, loaded=len(loaded), quarantined=len(waiting), filtered=len(hospital.keys("ZF = '1'")),
            lost=sorted((good | bad) - set(places)), twice=twice,
            astray=sorted((set(loaded) - good) | (set(waiting) - bad)), unaccounted=int(sums[0]), open_bundles=int(still),
        )  # fmt: skip


class EdgeNode:
    """The real program of a node, as a process."""

    def __init__(self, home: Path, url: str, log: Path, *, preload: dict[str, str] | None = None) -> None:
        self.home, self.url, self.log, self.more = home, url, log, preload or {}
        self.process: subprocess.Popen[bytes] | None = None

    def do(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of the node, to its end."""
        return subprocess.run(
            self._command(*words), cwd=ROOT, env=self._env(), capture_output=True, text=True, check=False
        )

    def enrol(self, code: str, url: str = "") -> None:
        """Join the centre."""
        done = self.do("enrol", "--centre", url or self.url, "--code", code)
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Run."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command("run"), cwd=ROOT, env=self._env(), stdout=log, stderr=log)

    def kill(self) -> None:
        """kill -9."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def status(self) -> dict[str, Any]:
        """What the node says of itself."""
        done = self.do("status", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    def waiting(self) -> int:
        """Rows in the buffer, read beside the running node."""
        path = self.home / "buffer.db"
        if not path.exists():
            return 0
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as db:
            try:
                return int(db.execute("select coalesce(sum(rows), 0) from bundle").fetchone()[0])
            except sqlite3.OperationalError:  # its tables are just being made
                return 0

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "yigong.edge", "--home", str(self.home), "--timeout", "2", *words]

    def _env(self) -> dict[str, str]:
        return {**{k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}, **self.more}


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether anybody listens on a port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def chance() -> random.Random:
    """The chance of this run; the same again with the number it prints."""
    seed = int(os.environ.get("YIGONG_FAULT_SEED") or random.SystemRandom().randrange(10**6))
    print(f"YIGONG_FAULT_SEED={seed}")
    return random.Random(seed)


def _prepare(facts: dict[str, Any]) -> dict[str, Any]:
    import polars as pl

    from yigong.kit import ctx as actors
    from yigong.platform.exchange import services
    from yigong.platform.exchange.edge import orders
    from yigong.platform.exchange.edge import services as nodes
    from yigong.platform.registry import api as registry

    clerk, org = actors.system(), "100000001X"
    row = {"year": 2026, "code": org, "name": "青禾县人民医院", "short_name": "县医", "kind": "county_hospital"}
    registry.save_institutions(clerk, pl.DataFrame([row]))
    config = {
        "url": f"sqlite:///{facts['path']}",
        "table": "lis",
        "way": "timestamp",
        "since_column": "XH",
        "key": ["XH"],
    }
    feed = services.save_feed(
        clerk, f"测试 · {facts['system']}"[:4] + facts["system"], org_code=org, reader="sqlite", config=config,
        mapping=facts["mapping"],
    )  # fmt: skip
    node, code = nodes.invite(clerk, name=facts["system"], org_code=org)
    limits = {
        "beat_seconds": 1,
        "retry_seconds": 2,
        "free_mb": int(facts.get("free_mb", 10)),
        "buffer_mb": int(facts.get("buffer_mb", 256)),
    }
    orders.save_limits(clerk, node.pk, **limits)
    orders.assign(clerk, node.pk, feed.pk, every_seconds=1, rows=int(facts.get("rows", 50)))
    return {"code": code, "feed": feed.pk}


def _serve_clerk() -> None:
    """Feeds are set up line by line, as long as somebody asks."""
    from django.db import connection

    for line in sys.stdin:
        print(json.dumps(_prepare(json.loads(line))), flush=True)
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # the database may be killed before the next


if __name__ == "__main__":
    from yigong.portal.cli import setup

    setup()
    _serve_clerk()
