"""A network that fails on demand: a real TCP proxy that cuts, stalls, slows, swallows answers and delivers twice."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time

MODES = ("pass", "cut", "half_open", "slow", "deaf", "twice")


class Proxy:
    """Forwards connections to a port of this machine, in the mode that is set when each piece passes.

    ``pass`` as it is; ``cut`` resets what is open and refuses what comes; ``half_open`` takes everything and answers nothing;
    ``slow`` lets *rate* bytes a second through; ``deaf`` delivers requests and cuts before the answer; ``twice`` delivers
    every request on a second connection as well.
    """

    def __init__(self, target: int, *, rate: int = 20_000) -> None:
        self.target, self.rate, self.mode = target, rate, "pass"
        self.seen: dict[str, int] = dict.fromkeys(MODES, 0)  # pieces of requests that met each mode
        self._open: set[socket.socket] = set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where to connect to."""
        return f"http://127.0.0.1:{self.port}"

    def set(self, mode: str) -> None:
        """From now on in this *mode*; what is open when the network is cut is reset."""
        assert mode in MODES
        self.mode = mode
        if mode == "cut":
            for link in list(self._open):
                _reset(link)

    def close(self) -> None:
        """End everything."""
        self._server.close()
        for link in list(self._open):
            _reset(link)

    def _accept(self) -> None:
        while True:
            try:
                near, _address = self._server.accept()
            except OSError:
                return
            if self.mode == "cut":
                self.seen["cut"] += 1
                _reset(near)
                continue
            threading.Thread(target=self._serve, args=[near], daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self.target), timeout=5)
        except OSError:
            _reset(near)
            return
        far.settimeout(None)
        self._open |= {near, far}
        back = threading.Thread(target=self._answers, args=[far, near], daemon=True)
        back.start()
        self._requests(near, far)
        back.join()
        self._open -= {near, far}

    def _requests(self, near: socket.socket, far: socket.socket) -> None:
        second: socket.socket | None = None
        while data := _received(near):
            self.seen[self.mode] += 1
            if self.mode == "half_open":
                continue  # the sender believes it went
            self._slow(data)
            if self.mode == "twice" and second is None:
                second = self._beside()
            for link in (far, second):
                if link is not None:
                    _sent(link, data)
        _reset(far)
        if second is not None:
            _reset(second)

    def _beside(self) -> socket.socket | None:
        """A second connection whose answers nobody reads."""
        with contextlib.suppress(OSError):
            link = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            self._open.add(link)
            threading.Thread(target=lambda: [None for _ in iter(lambda: _received(link), b"")], daemon=True).start()
            return link
        return None

    def _answers(self, far: socket.socket, near: socket.socket) -> None:
        while data := _received(far):
            if self.mode == "half_open":
                continue
            if self.mode == "deaf":
                break
            self._slow(data)
            if not _sent(near, data):
                break
        _reset(near)

    def _slow(self, data: bytes) -> None:
        if self.mode == "slow":
            time.sleep(len(data) / self.rate)


def _received(link: socket.socket) -> bytes:
    try:
        return link.recv(16_384)
    except OSError:
        return b""


def _sent(link: socket.socket, data: bytes) -> bool:
    try:
        link.sendall(data)
    except OSError:
        return False
    return True


def _reset(link: socket.socket) -> None:
    """End a connection at once, as a network does that is gone: no polite farewell."""
    with contextlib.suppress(OSError):
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        link.close()
