"""``yigong listen``: messages taken over MLLP, kept, and only then acknowledged."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from django.db import DatabaseError, connection
from psycopg import Error as PsycopgError

from yigong.kit.clock import now
from yigong.kit.ctx import system
from yigong.kit.errors import Refused
from yigong.kit.hl7v2.parse import NotHl7
from yigong.platform.bus import envelope, journal, services, worker
from yigong.platform.bus.envelope import Envelope
from yigong.platform.bus.mllp import LIMIT, Framer, TooLarge, frame

log = logging.getLogger("yigong.bus")
READ = 256 * 1024
GATHER_SECONDS = 0.002
DATABASE_SECONDS = 2.0  # until a message is refused because the database gives no connection: it is away then
MOST = 2000  # messages of one transaction
MOST_EMPTY = 20  # frames of nothing in a row, until the connection is closed


class Gatherer:
    """Messages of all connections, gathered for a moment into one durable transaction."""

    def __init__(self, endpoint_id: int) -> None:
        self.endpoint_id = endpoint_id
        self.takes_tests = False  # as the endpoint was declared when the last messages were kept
        self._waiting: list[tuple[Sequence[Envelope], asyncio.Future[bool]]] = []
        self._some = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "journal")

    async def keep(self, envelopes: Sequence[Envelope]) -> bool:
        """Whether the messages are on the disk."""
        kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((envelopes, kept))
        self._some.set()
        return await kept

    async def run(self) -> None:
        """Commit group after group; while one is being written the next gathers."""
        while True:
            await self._some.wait()
            await asyncio.sleep(GATHER_SECONDS)
            group = self._take()
            stored = await asyncio.get_running_loop().run_in_executor(self._thread, self._store, group)
            for (_sent, kept), done in zip(group, stored, strict=True):
                if not kept.done():
                    kept.set_result(done)

    def _take(self) -> list[tuple[Sequence[Envelope], asyncio.Future[bool]]]:
        count = size = 0
        for count, (sent, _kept) in enumerate(self._waiting, start=1):  # noqa: B007
            size += len(sent)
            if size >= MOST:
                break
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        if not self._waiting:
            self._some.clear()
        return group

    def _store(self, group: Sequence[tuple[Sequence[Envelope], object]]) -> list[bool]:
        """Together; and where that fails, each sender's by itself, so that no one spoils another's. A database that is away fails all at once."""
        kept = self._try([e for sent, _ in group for e in sent])
        if kept is not False:
            return [bool(kept)] * len(group)
        return [bool(self._try(sent)) for sent, _ in group]

    def _try(self, envelopes: Sequence[Envelope]) -> bool | None:
        """Whether they are on the disk; None when there is no database to ask."""
        for _attempt in (1, 2):  # the second on a new connection
            try:
                at = journal.place(self.endpoint_id)
                self.takes_tests = at.takes_tests
                journal.keep(at, envelopes)
            except (DatabaseError, PsycopgError, OSError) as error:
                log.warning("journal: %s", type(error).__name__)
                away = connection.connection is None
                with contextlib.suppress(Exception):
                    connection.close()
                if away:
                    return None
            else:
                return True
        return False

    def close(self) -> None:
        """Let the last transaction end."""
        self._thread.submit(connection.close)
        self._thread.shutdown(wait=True)


@dataclass
class Listener:
    """The server: connections, bounds, time-outs."""

    gatherer: Gatherer
    quota: int = 0
    limit: int = LIMIT
    slow_seconds: float = 30.0  # a message that has begun must go on within this time
    message_seconds: float = 120.0  # and end within this, however evenly it drips
    idle_seconds: float = 3600.0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    stopping: bool = False

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        task = asyncio.current_task()
        assert task is not None
        if self.stopping or (self.quota and len(self.tasks) >= self.quota):
            writer.close()
            return
        self.tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, TimeoutError):
            pass  # the sender has gone; what was acknowledged is kept
        finally:
            self.tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer, clock = Framer(self.limit), asyncio.get_running_loop().time
        began, empty = clock(), 0
        while not self.stopping:
            left = began + self.message_seconds - clock()
            patience = max(0.0, min(self.slow_seconds, left)) if framer.waiting else self.idle_seconds
            data = await asyncio.wait_for(reader.read(READ), patience)
            if not data:
                return
            waited = framer.waiting
            try:
                contents = framer.feed(data)
            except TooLarge:
                await _send(writer, [envelope.acknowledgement(None, "AR", now(), error=envelope.TOO_LARGE)])
                return
            if contents or not waited:
                began = clock()
            empty = 0 if any(contents) else empty + len(contents)
            if contents:
                await _send(writer, await self.answers(_bounded(contents)), self.slow_seconds)
            if empty >= MOST_EMPTY:
                return

    async def answers(self, contents: Sequence[bytes]) -> list[bytes]:
        """The acknowledgements of these messages, in their order, after all of them are kept."""
        opened = [_opened(content) for content in contents]
        some = [e for e in opened if e is not None]
        kept = await self.gatherer.keep(some) if some else True
        at = now()
        if self.gatherer.takes_tests:
            opened = [e.as_production() if e and e.is_test else e for e in opened]
        return [_answer(e, kept, at) for e in opened]


def _bounded(contents: Sequence[bytes]) -> Sequence[bytes]:
    """What is answered: frames of nothing at most MOST_EMPTY times, so that three bytes cannot ask for hundreds without end."""
    if contents.count(b"") <= MOST_EMPTY:
        return contents
    messages = [content for content in contents if content]
    return [*messages, *[b""] * MOST_EMPTY]


def _opened(content: bytes) -> Envelope | None:
    """What the journal keeps of a frame; None for one of nothing."""
    if not content:
        return None
    try:
        return envelope.read_envelope(content)
    except NotHl7:
        return envelope.unreadable(content)


def _answer(opened: Envelope | None, kept: bool, at: datetime) -> bytes:
    """AA once it is kept; AE with its faults where it is kept but cannot be used; AR where it is not taken in."""
    if opened is None:
        return envelope.acknowledgement(None, "AR", at, error=envelope.EMPTY)
    if opened.kind == envelope.UNREADABLE:
        return envelope.acknowledgement(None, "AR", at, error=envelope.NOT_READABLE)
    if not kept and not opened.is_refused:
        return envelope.acknowledgement(opened.header, "AE", at, error=envelope.INTERNAL)
    return envelope.acknowledgement(opened.header, opened.word, at, faults=opened.faults)


async def _send(writer: asyncio.StreamWriter, answers: Sequence[bytes], seconds: float = 30.0) -> None:
    writer.write(b"".join(frame(answer) for answer in answers))
    await asyncio.wait_for(writer.drain(), seconds)


async def serve(listener: Listener, host: str, port: int, stop: asyncio.Event) -> None:
    """Listen until *stop*; then take no more, finish what is under way, and end."""
    gathering = asyncio.create_task(listener.gatherer.run())
    server = await asyncio.start_server(listener.connected, host, port, limit=READ, backlog=512)
    where = server.sockets[0].getsockname()
    print(f"mllp {where[0]}:{where[1]}", flush=True)
    await stop.wait()
    listener.stopping = True
    server.close()
    await asyncio.sleep(0.2)  # messages whose bytes are here are still kept and answered
    for task in tuple(listener.tasks):
        task.cancel()
    await asyncio.gather(*listener.tasks, return_exceptions=True)
    gathering.cancel()
    listener.gatherer.close()


def listen(arguments: list[str]) -> int:
    """``yigong listen --mllp 127.0.0.1:2575``: take messages until told to end, and carry them on."""
    options = _parser().parse_args(arguments)
    host, _sep, port = options.mllp.rpartition(":")
    try:
        endpoint = services.open_endpoint(system(), options.endpoint, org_code=options.org)
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 2
    connection.close()
    connection.pool.timeout = DATABASE_SECONDS  # type: ignore[attr-defined]
    ended = threading.Event()
    carrying = threading.Thread(target=worker.run, args=(ended.is_set,), name="bus-worker")
    if not options.only_journal:
        carrying.start()
    try:
        asyncio.run(_until_told(endpoint.pk, endpoint.quota, host or "127.0.0.1", int(port)))
    except OSError as error:
        print(f"{options.mllp}: {error.strerror or error}", file=sys.stderr)
        return 2
    finally:
        ended.set()
        if carrying.ident:
            carrying.join()
    return 0


async def _until_told(endpoint_id: int, quota: int, host: str, port: int) -> None:
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    await serve(Listener(Gatherer(endpoint_id), quota=quota), host, port, stop)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="yigong listen", description="接收 HL7 v2 消息（MLLP） / take HL7 v2 over MLLP"
    )
    parser.add_argument("--mllp", default="127.0.0.1:2575", metavar="HOST:PORT", help="监听地址 / address")
    parser.add_argument("--endpoint", default="mllp", metavar="CODE", help="端点代码 / code of the endpoint")
    parser.add_argument("--org", default="", metavar="CODE", help="来源机构，缺省取自 MSH-4 / institution, else MSH-4")
    parser.add_argument(
        "--only-journal", action="store_true", help="只接收，由 yigong work 处理 / leave carrying to `yigong work`"
    )
    return parser
