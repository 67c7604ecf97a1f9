"""What went wrong with a source or a disk, told apart: each kind a Fault with its own sentence. Pure.

What is of no known kind gets a reference; its trace is written without the messages of exceptions, for those quote rows.
"""

from __future__ import annotations

import errno
import re
import secrets
import socket
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from yigong.kit.errors import Fault

REFUSED, HOST, SLOW = "exchange.source_refused", "exchange.host_unknown", "exchange.source_slow"
LOGIN, FORBIDDEN, DATABASE = "exchange.login_refused", "exchange.source_forbidden", "exchange.database_unknown"
TABLE, COLUMN, FULL = "exchange.table_missing", "exchange.source_column_missing", "exchange.source_full"
ENCODING, AWAY = "exchange.encoding_wrong", "exchange.source_away"
FILE_GONE, FILE_FORBIDDEN, DISK_FULL = "exchange.file_missing", "exchange.file_forbidden", "exchange.disk_full"
#: faults that do not pass by waiting: trying again soon is useless, and may lock an account
PERMANENT = {LOGIN, FORBIDDEN, DATABASE, TABLE, COLUMN, ENCODING, FILE_GONE, FILE_FORBIDDEN}
#: SQLSTATE (PostgreSQL), or its class
SQLSTATES = {
    "28": LOGIN, "3D": DATABASE, "42501": FORBIDDEN, "42P01": TABLE, "3F": TABLE, "42703": COLUMN, "53100": FULL, "57014": SLOW,
    "55P03": SLOW, "22021": ENCODING, "22P05": ENCODING,
}  # fmt: skip
#: error numbers of MySQL and MariaDB, SQL Server, Oracle
NUMBERS = {
    1044: FORBIDDEN, 1045: LOGIN, 1698: LOGIN, 1049: DATABASE, 1142: FORBIDDEN, 1143: FORBIDDEN, 1146: TABLE, 1054: COLUMN, 1021: FULL,
    1114: FULL, 1205: SLOW, 1969: SLOW, 3024: SLOW, 1366: ENCODING, 3988: ENCODING,
    18456: LOGIN, 4060: DATABASE, 208: TABLE, 207: COLUMN, 229: FORBIDDEN, 1105: FULL, 9002: FULL,
}  # fmt: skip
ORACLE = {
    "ORA-01017": LOGIN, "ORA-28000": LOGIN, "ORA-12514": DATABASE, "ORA-12505": DATABASE, "ORA-00942": TABLE, "ORA-00904": COLUMN,
    "ORA-01031": FORBIDDEN, "ORA-01653": FULL, "ORA-12541": REFUSED, "ORA-12170": SLOW, "DPY-6005": REFUSED, "DPY-4011": AWAY,
}  # fmt: skip
#: what drivers say where they give no number, in the languages of servers and systems met in a county
SAYINGS = (
    (re.compile(r"password authentication failed|no pg_hba|no password supplied|口令|认证失败|role .* does not exist", re.I), LOGIN),
    (re.compile(r"could not translate host|name or service not known|resolve host|nodename nor servname|未知的名称", re.I), HOST),
    (re.compile(r"connection refused|拒绝连接|连接被拒绝", re.I), REFUSED),
    (re.compile(r"timeout|timed out|超时", re.I), SLOW),
    (re.compile(r"database .* does not exist|数据库.*不存在", re.I), DATABASE),
    (re.compile(r"no such table", re.I), TABLE),
    (re.compile(r"no such column", re.I), COLUMN),
    (re.compile(r"unable to open database file", re.I), FILE_GONE),
    (re.compile(r"database or disk is full", re.I), FULL),
    (re.compile(r"invalid utf-?8|codec can't decode", re.I), ENCODING),
)  # fmt: skip
_RUST = re.compile(r"\(os error (\d+)\)")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|“[^”]*”|\([^()]*\)=\([^()]*\)")


def database_fault(error: BaseException, *, place: str, host: str) -> Fault:
    """The fault behind what a driver raised: *place* is the table, *host* the server or file."""
    code = kind_of(error)
    facts: dict[str, Any] = {"place": place, "host": host, "path": host}
    if code == AWAY:
        facts["reason"] = plain_reason(error)
    # the file of a database may lie on a drive that comes back
    return Fault(code, permanent=code in PERMANENT and code != FILE_GONE, **facts)


def kind_of(error: BaseException) -> str:
    """The kind of what a driver raised, by its number where it has one, else by what it says."""
    for one in chain(error):
        if found := _by_number(one) or _by_system(one):
            return found
    said = " ".join(str(one) for one in chain(error))
    return next((code for form, code in SAYINGS if form.search(said)), AWAY)


def _by_number(error: BaseException) -> str | None:
    state = str(getattr(error, "sqlstate", None) or "")
    if found := SQLSTATES.get(state) or SQLSTATES.get(state[:2]):
        return found
    first = error.args[0] if error.args else None
    if oracle := ORACLE.get(str(getattr(first, "full_code", ""))):
        return oracle
    return NUMBERS.get(first) if isinstance(first, int) and not isinstance(error, OSError) else None


def _by_system(error: BaseException) -> str | None:
    if type(error).__name__ == "NoSuchTableError":  # of SQLAlchemy, where it looks into the catalogue itself
        return TABLE
    match error:
        case UnicodeError():
            return ENCODING
        case ConnectionRefusedError():
            return REFUSED
        case TimeoutError():
            return SLOW
        case socket.gaierror():
            return HOST
    return None


def system_fault(error: BaseException, *, place: str = "") -> Fault | None:
    """The fault behind an error of files, disk or encoding; None for any other."""
    for one in chain(error):
        path = str(getattr(one, "filename", None) or place)
        match _errno(one):
            case errno.ENOENT:
                return Fault(FILE_GONE, permanent=True, path=path)
            case errno.EACCES | errno.EPERM:
                return Fault(FILE_FORBIDDEN, permanent=True, path=path)
            case errno.ENOSPC | errno.EDQUOT:
                return Fault(DISK_FULL, permanent=False, path=path)
        if getattr(one, "sqlstate", None) == "53100":
            return Fault(DISK_FULL, permanent=False, path=path)
        if isinstance(one, UnicodeError) or (isinstance(one, LookupError) and "encoding" in str(one)):
            return Fault(ENCODING, permanent=True, place=path)
    return None


def _errno(error: BaseException) -> int | None:
    """The system's number of an error; libraries in Rust write it at the end of theirs."""
    if isinstance(error, OSError):
        return error.errno
    found = _RUST.search(str(error))
    return int(found[1]) if found else None


@contextmanager
def reading(place: str) -> Iterator[None]:
    """What goes wrong with a file read inside is raised as a Fault of its kind."""
    try:
        yield
    except (OSError, UnicodeError, LookupError) as error:
        if (fault := system_fault(error, place=place)) is None:
            raise
        raise fault from error


def plain_reason(error: BaseException) -> str:
    """The first line of what a driver says, without what it quotes: that may be of a person."""
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return _QUOTED.sub("…", first)[:200] or type(error).__name__


def chain(error: BaseException, *, whole: bool = False) -> Iterator[BaseException]:
    """An exception and what caused it, the outermost first; *whole* with what was being handled when it was raised."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        original = getattr(one, "original_exception", None) or getattr(one, "orig", None)
        one = original or one.__cause__ or (one.__context__ if whole and not one.__suppress_context__ else None)


def reference() -> str:
    """A short sign by which a line of the log is found: eight signs that are not mistaken for each other."""
    return "".join(secrets.choice("23456789ABCDEFGHJKMNPQRSTUVWXYZ") for _ in range(8))


def trace(error: BaseException) -> str:
    """The whole trace, innermost cause first, with kinds and numbers of exceptions in place of their messages."""
    parts = []
    for one in reversed(list(chain(error, whole=True))):
        parts += traceback.format_tb(one.__traceback__)
        parts.append(f"{type(one).__module__}.{type(one).__qualname__}{_numbers(one)}\n")
    return "".join(parts).rstrip()


def _numbers(error: BaseException) -> str:
    first = error.args[0] if error.args and isinstance(error.args[0], int) else None
    found = getattr(error, "sqlstate", None) or getattr(error, "errno", None) or first
    return f" [{found}]" if found else ""
