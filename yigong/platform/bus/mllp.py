"""The framing of MLLP as a pure machine: bytes in, whole messages out, however the bytes are cut."""

from __future__ import annotations

START, END, AFTER = b"\x0b", b"\x1c", b"\r\n \t"
LIMIT = 16 * 1024 * 1024


class TooLarge(ValueError):  # noqa: N818  - reads as a sentence
    """A sender goes on beyond the bound without ending its message."""


def frame(content: bytes) -> bytes:
    """The content as MLLP carries it."""
    return START + content + END + b"\r"


class Framer:
    """Gathers bytes of one connection.

    Tolerant of what is seen in hospitals: no carriage return after the end sign, line feeds between frames, a missing
    start sign. A start sign inside a frame means that the sender began anew; what came before it was never finished.
    """

    __slots__ = ("_kept", "_size", "limit")

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self._kept: list[bytes] = []
        self._size = 0

    @property
    def waiting(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._size > 0

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that these bytes complete, empty ones for frames of nothing. Raises TooLarge."""
        pieces = data.split(END)
        if len(pieces) == 1:
            self._keep(data)
            return []
        pieces[0] = b"".join((*self._kept, pieces[0]))
        self._kept, self._size = [], 0
        self._keep(pieces.pop())
        return [content for piece in pieces if (content := self._content(piece)) or START in piece]

    def _keep(self, data: bytes) -> None:
        if not self._size:
            data = data.lstrip(AFTER)
        if not data:
            return
        self._kept.append(data)
        self._size += len(data)
        if self._size > self.limit:
            raise TooLarge

    def _content(self, piece: bytes) -> bytes:
        content = piece.rpartition(START)[2].lstrip(AFTER)
        if len(content) > self.limit:
            raise TooLarge
        return content
