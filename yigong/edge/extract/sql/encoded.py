"""Text of PostgreSQL databases that declare no encoding (SQL_ASCII): their servers hand out bytes as they are stored.

Which encoding they are in only the hospital knows. A row with bytes that are none in it bears ``_trouble`` and waits in quarantine;
where nobody named an encoding and the bytes are not UTF-8, nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from yigong.edge.extract.frames import TROUBLE, as_text
from yigong.kit.errors import Refused

#: how people write an encoding -> its name at the server, and here; GB2312 and GBK are parts of GB18030
ENCODINGS = {
    "gb18030": ("GB18030", "gb18030"), "gbk": ("GB18030", "gb18030"), "gb2312": ("GB18030", "gb18030"),
    "utf-8": ("UTF8", "utf-8"), "utf8": ("UTF8", "utf-8"), "big5": ("BIG5", "big5"), "latin1": ("LATIN1", "latin-1"),
}  # fmt: skip
UNDECLARED = "SQL_ASCII"
REPLACED = "\ufffd"


class Bytes:
    """How the bytes of one database are read. Raises Refused exchange.encoding_unknown."""

    def __init__(self, named: str) -> None:
        name = named.strip().lower()
        if name and name not in ENCODINGS:
            raise Refused("exchange.encoding_unknown", encoding=named, known=list(ENCODINGS))
        self._server, self._here = ENCODINGS.get(name, ("", ""))
        self._undeclared = False

    @property
    def are_undeclared(self) -> bool:
        """Whether neither the database nor anybody here says what the bytes are."""
        return self._undeclared and not self._here

    @property
    def codec(self) -> str:
        """The encoding of what this database's server sends."""
        return self._here if self._undeclared and self._here else "utf-8"

    @property
    def errors(self) -> str:
        """What becomes of bytes that are none in it: a row is marked where somebody named the encoding, else the reading stops."""
        return "replace" if self._undeclared and self._here else "strict"

    def connected(self, connection: Any, _record: Any = None) -> None:
        """Learn of a new connection whether its database declares an encoding; where it does not, speak the one that was named."""
        self._undeclared = connection.info.parameter_status("server_encoding") == UNDECLARED
        if self._undeclared and self._server:
            before, connection.autocommit = connection.autocommit, True
            connection.execute(f"set client_encoding to '{self._server}'")
            connection.autocommit = before

    def unchecked(self, cursor: Any, statement: str) -> str | bytes:
        """*statement* as it must be sent, so that the server hands its bytes out unseen: else it ends at the first that are none."""
        if not (self._undeclared and self._here):
            return statement
        cursor.execute(f"set client_encoding to '{UNDECLARED}'")
        return statement.encode(self._here)

    def table(self, rows: Sequence[Any], columns: Sequence[str]) -> pl.DataFrame:
        """Rows of COPY as text columns, with ``_trouble`` for those that do not decode. Raises UnicodeError where no encoding is known."""
        text = b"".join(rows)
        if self._undeclared and self._here:
            return self.marked(_table(text.decode(self._here, "replace").encode(), columns))
        try:
            return _table(text, columns)
        except pl.exceptions.ComputeError:
            text.decode()  # raises UnicodeError: a server without declared encoding sends bytes as they are
            raise

    def marked(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows that were decoded here, with ``_trouble`` for those that hold what does not decode."""
        return _marked(frame) if self._undeclared and self._here else frame


def _table(text: bytes, columns: Sequence[str]) -> pl.DataFrame:
    return as_text(pl.read_csv(text, has_header=False, schema=dict.fromkeys(columns, pl.String)))


def _marked(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with ``_trouble`` for rows in which a sign did not decode."""
    garbled = frame.select(
        pl.any_horizontal(pl.all().str.contains(REPLACED, literal=True).fill_null(False))
    ).to_series()
    if not garbled.any():
        return frame
    return frame.with_columns(pl.when(garbled).then(pl.lit("encoding")).alias(TROUBLE))
