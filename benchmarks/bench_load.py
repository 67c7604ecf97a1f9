"""The real server under load: search, person views and referrals by 8 and by 64 clients who are logged in.

``make bench-load``; SECONDS (180) is how long each of them asks, in turns of TURN seconds, one of the few beside one of the
many: a machine that becomes slower or faster does so for both. The ratio is that of all answers of the turns; how far chance
moves it is told from the neighbours (95 in a hundred), whose own ratios differ by a tenth on a machine shared with others.
All clients log in once, before the first turn: to log in
costs a quarter of a second of the processor, and a turn that came after 64 of them would begin with a tired machine.
Answered per second is what came within the turn: not in its first second, in which all clients start at once, and not the
answers to the last requests, which come when fewer and fewer ask. Times to the answer are those of all requests.
A client asks again the moment it has its answer: the harsh case, whose throughput and p99 count. A last run lets the 64
look at each page for a second, as people do at the least. It needs the demonstration data (``make demo ONCE=1``).
The clients are threads of another process; its share of the processor is printed, for it is taken from the server.
Closes with one line of JSON.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import multiprocessing
import operator
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Generator
from dataclasses import dataclass, field
from functools import reduce
from typing import Any
from urllib.parse import quote, urlencode

SECONDS = int(os.environ.get("SECONDS", "180"))
TURN = 5
LEAD = 1  # seconds of a turn before it counts: 64 threads start and all ask at once, which takes of the server's processors
WARM = 20
CLIENTS = (8, 64)
THINK_SECONDS = 1.0
TARGET_P99_MS = 1000.0
WORDS = ("王", "李", "张", "wang", "li", "zhang", "wxl", "lj", "王秀", "赵", "陈", "chen", "yang", "周", "刘")
_PERSON = re.compile(r'href="(/persons/[0-9a-z]{13}/)"')
_CASE = re.compile(r"/collaboration/referral/(\d+)/")
#: moves that need nothing but the press of a button, each the inverse of another: the run leaves what it found
_FORM = re.compile(
    r'<form[^>]*(?:action|hx-post)="(/collaboration/referral/\d+/(?:arrive|unarrive|miss|reinstate)/)"[^>]*>(.*?)</form>',
    re.S,
)
_HIDDEN = re.compile(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"')


@dataclass
class Tally:
    """What one client, or all of them, did."""

    spent: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    early: int = 0  # answered while the turn had its lead
    late: int = 0  # answered when the time of the run was over
    think: float = 0.0  # seconds between an answer and the next request


class Browser:
    """A logged-in client on one kept connection."""

    def __init__(self, port: int, login: str, password: str, seed: int = 0) -> None:
        self.port, self.tally = port, Tally()
        self.doing = work(self, random.Random(seed))
        self.cookies: dict[str, str] = {}
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.ask("GET", "/account/login/")
        status, _ = self.ask("POST", "/account/login/", {"login_name": login, "password": password})
        if status != 302:
            raise RuntimeError(f"log in: {status}")
        self.connection.close()  # the others still log in: a connection kept idle that long is closed by the server

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        """One request; status and text."""
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items()), "Accept": "text/html"}
        body = None
        if method == "POST":
            body = urlencode({**(form or {}), "csrfmiddlewaretoken": self.cookies.get("csrftoken", "")})
            headers |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Referer": f"http://127.0.0.1:{self.port}{path}",
            }
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer.status, text

    def timed(self, kind: str, method: str, path: str, form: dict[str, str] | None = None) -> str:
        """One measured request; its text, empty when it failed."""
        if self.tally.think:
            time.sleep(self.tally.think)
        begun = time.perf_counter()
        try:
            status, text = self.ask(method, path, form)
        except (OSError, http.client.HTTPException) as error:
            self.tally.errors[f"{kind} {type(error).__name__}"] += 1
            self.connection.close()
            return ""
        self.tally.spent[kind].append((time.perf_counter() - begun) * 1000)
        if status in (409, 422):  # another client was quicker: a rule of the house, not a fault
            self.tally.refused += 1
        elif status >= 400:
            self.tally.errors[f"{kind} {status}"] += 1
        return text if status == 200 else ""


Work = Generator[None, None, None]


def use(browser: Browser, since: float, until: float) -> None:
    """Go on with the work until the moment; an answer before the first or after the second is not one within the time.

    A client goes on where its last turn ended. Began each turn anew, 64 clients with a dozen requests each would search
    more often than 8 with a hundred, and the two would not be compared over the same work.
    """
    for _ in browser.doing:
        moment = time.monotonic()
        if moment > until:
            browser.tally.late += 1
            return
        browser.tally.early += moment < since


def work(browser: Browser, dice: random.Random) -> Work:
    """Search, open somebody, now and then look after a referral, for ever; stops after each request."""
    while True:
        people = _PERSON.findall(browser.timed("search", "GET", f"/persons/?q={quote(dice.choice(WORDS))}"))
        yield
        for path in dice.sample(people, min(2, len(people))):
            browser.timed("person", "GET", path + dice.choice(("", "", "", "?tab=laboratory", "?tab=medication")))
            yield
        if dice.random() < 0.3:
            yield from _move_a_referral(browser, dice)


def _move_a_referral(browser: Browser, dice: random.Random) -> Work:
    tab = dice.choice(("todo", "waiting", "treating", "all"))
    cases = sorted(set(_CASE.findall(browser.timed("inbox", "GET", f"/collaboration/referral/?tab={tab}"))))
    yield
    if not cases:
        return
    text = browser.timed("case", "GET", f"/collaboration/referral/{dice.choice(cases)}/")
    yield
    forms = _FORM.findall(text)
    if forms:
        path, inner = dice.choice(forms)
        browser.timed("move", "POST", path, dict(_HIDDEN.findall(inner)))
        yield


def clients(port: int, number: int, logins: list[tuple[str, str]], asked: Any, told: Any) -> None:
    """The process of the clients: log in, then for each turn begin together and send what was measured, until None comes."""
    browsers = [Browser(port, *logins[n % len(logins)], seed=n) for n in range(number)]
    told.put(len(browsers))
    for few, seconds, think in iter(asked.get, None):
        told.put(one_turn(browsers[:few], seconds, think))


def one_turn(browsers: list[Browser], seconds: float, think: float) -> Measured:
    """Some of the clients ask for so long."""
    for browser in browsers:
        browser.tally = Tally(think=think)
    worked, begun = time.process_time(), time.monotonic()
    since, until = begun + LEAD, begun + LEAD + seconds
    threads = [threading.Thread(target=use, args=(b, since, until), daemon=True) for b in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    share = (time.process_time() - worked) / (time.monotonic() - begun)
    spent: dict[str, list[float]] = defaultdict(list)
    errors: Counter[str] = Counter()
    for b in browsers:
        errors.update(b.tally.errors)
        for kind, values in b.tally.spent.items():
            spent[kind] += values
    refused, early, late = (sum(getattr(b.tally, name) for b in browsers) for name in ("refused", "early", "late"))
    return Measured(len(browsers), think, dict(spent), errors, refused, early + late, seconds, share * seconds)


class Clients:
    """The process of the clients, all of them logged in."""

    def __init__(self, port: int, logins: list[tuple[str, str]]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.asked: Any = spawn.Queue()
        self.told: Any = spawn.Queue()
        self.process = spawn.Process(
            target=clients, args=(port, CLIENTS[1], logins, self.asked, self.told), daemon=True
        )
        self.process.start()
        self.told.get(timeout=300)

    def run(self, number: int, seconds: float, think: float = 0.0) -> Measured:
        """One turn; what was measured."""
        self.asked.put((number, seconds, think))
        found: Measured = self.told.get(timeout=seconds + 300)
        print(f"{number} clients, {seconds:.0f} s: {found.count / seconds:.1f} requests a second", flush=True)
        return found

    def end(self) -> None:
        """The clients go."""
        self.asked.put(None)
        self.process.join(30)


@dataclass
class Measured:
    """What the clients of one or several runs saw; times in ms by kind of request."""

    clients: int
    think: float
    spent: dict[str, list[float]]
    errors: Counter[str]
    refused: int
    outside: int  # answered before or after the time that counts
    took: float  # seconds
    client_seconds: float  # of the processor

    @property
    def count(self) -> int:
        """Requests answered within the time."""
        return sum(map(len, self.spent.values())) - self.outside

    def __add__(self, other: Measured) -> Measured:
        spent = {k: self.spent.get(k, []) + other.spent.get(k, []) for k in {*self.spent, *other.spent}}
        return Measured(
            self.clients, self.think, spent, self.errors + other.errors, self.refused + other.refused,
            self.outside + other.outside, self.took + other.took, self.client_seconds + other.client_seconds,
        )  # fmt: skip

    def told(self) -> dict[str, Any]:
        """The figures, printed by kind of request too."""
        every = sorted(v for values in self.spent.values() for v in values)
        result = {
            "clients": self.clients, "think_seconds": self.think, "seconds": round(self.took), "requests": self.count,
            "per_second": round(self.count / self.took, 1), "errors": dict(self.errors), "refused": self.refused,
            "p50_ms": _percentile(every, 0.5), "p99_ms": _percentile(every, 0.99),
            "client_cores": round(self.client_seconds / self.took, 2),
        }  # fmt: skip
        print(json.dumps(result, ensure_ascii=False))
        for kind, values in sorted(self.spent.items()):
            ordered = sorted(values)
            print(
                f"  {kind:8} {len(values):7,}  p50 {_percentile(ordered, 0.5):8.1f} ms  p99 {_percentile(ordered, 0.99):8.1f} ms"
            )
        return result


def _percentile(ordered: list[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1) if ordered else 0.0


@contextlib.contextmanager
def server() -> Any:
    """The real server on a free port, ended at the end."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [
        sys.executable,
        "-c",
        "from yigong.portal.cli import main; main()",
        "serve",
        "--bind",
        f"127.0.0.1:{port}",
    ]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        _wait(port)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _wait(port: int) -> None:
    for _ in range(240):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.25)
    raise RuntimeError("the server did not come up")


def _pairs() -> list[tuple[int, ...]]:
    """Whose turn it is, by twos: the few come first in one pair and last in the next."""
    return [CLIENTS[::-1] if one % 2 else CLIENTS for one in range(max(1, round(SECONDS / TURN)))]


def _logarithm(pair: list[Measured]) -> float:
    few, many = sorted(pair, key=lambda one: one.clients)
    return math.log(max(many.count, 1) / max(few.count, 1))


def _chance(pairs: list[list[Measured]]) -> float:
    """How far chance moves the ratio of all turns: 1.96 standard errors of the pairs' logarithms."""
    return 1.96 * statistics.stdev(map(_logarithm, pairs)) / math.sqrt(len(pairs)) if len(pairs) > 1 else math.inf


def main() -> None:
    """All runs against one server, and what they say."""
    from yigong.portal.env import env

    notes = env().local / "demo" / "logins.json"
    if not notes.exists():
        raise SystemExit("no demonstration data: run `make demo ONCE=1` first / 没有演示数据")
    known = json.loads(notes.read_text("utf-8"))
    staff = ("zhouming", "hezhiqiang", "tangwei", "liuhaiyan", "shenhuaiyuan", "lijianguo", "hemin", "liufang")
    logins = [(name, known[name]) for name in staff if name in known]
    with server() as port:
        people = Clients(port, logins)
        people.run(CLIENTS[1], WARM)  # the workers load their modules, and the machine is no longer fresh
        pairs = [[people.run(n, TURN) for n in pair] for pair in _pairs()]
        thinking = people.run(CLIENTS[1], max(SECONDS / 6, 5), THINK_SECONDS)
        people.end()
    few, many = (reduce(operator.add, [r for pair in pairs for r in pair if r.clients == n]).told() for n in CLIENTS)
    calm = thinking.told()
    ratio, chance = many["requests"] / max(few["requests"], 1), _chance(pairs)
    print(
        f"p99 that counts: all requests of {CLIENTS[1]} clients without pause, {many['p99_ms']} ms < {TARGET_P99_MS:.0f}"
    )
    figures = {"seconds": SECONDS, "at_8": few, "at_64": many, "at_64_thinking": calm,
               "ratio_within": [round(ratio * math.exp(one), 3) for one in (-chance, chance)], "pairs": len(pairs),
               "target_p99_ms": TARGET_P99_MS, "load_average": round(os.getloadavg()[0], 1)}  # fmt: skip
    print(
        json.dumps(
            {"name": "load", "ratios": {"throughput_64_over_8": round(ratio, 3)}, "figures": figures},
            ensure_ascii=False,
        )
    )


if __name__ == "__main__":
    main()
