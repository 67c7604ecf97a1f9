"""Keeps original documents: bytes under their own digest on disk, facts in records_document."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from yigong.kit.clock import now
from yigong.platform.records import tables
from yigong.platform.records.hashing import text_hash

#: the facts of a document that its row keeps
FACTS = (
    "registration_id", "document_code", "title", "media_type", "org_code", "authored_at", "author_name", "set_id",
    "version", "encounter_key", "findings", "text", "original_path",
)  # fmt: skip


def place_of(sha256: str) -> Path:
    """Where the bytes with this digest lie."""
    return Path(settings.LOCAL) / "documents" / sha256[:2] / sha256[2:4] / sha256


def keep(original: bytes) -> str:
    """Put bytes where their digest says, durably; the digest. What is there already is left alone."""
    digest = hashlib.sha256(original).hexdigest()
    path = place_of(digest)
    if path.exists() and path.stat().st_size == len(original):
        return digest
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    with new.open("wb") as out:
        out.write(original)
        out.flush()
        os.fsync(out.fileno())
    new.replace(path)
    return digest


def keep_file(source: Path) -> str:
    """Put a file where its digest says without ever holding it in memory; the digest."""
    with source.open("rb") as given:
        known = place_of(hashlib.file_digest(given, "sha256").hexdigest())
    if known.exists() and known.stat().st_size == source.stat().st_size:
        return known.name
    digest = hashlib.sha256()
    folder = Path(settings.LOCAL) / "documents"
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f".{os.getpid()}.{source.stat().st_ino}.new"
    with source.open("rb") as given, new.open("wb") as out:
        while piece := given.read(1024 * 1024):
            digest.update(piece)
            out.write(piece)
        out.flush()
        os.fsync(out.fileno())
    path = place_of(digest.hexdigest())
    path.parent.mkdir(parents=True, exist_ok=True)
    new.replace(path)
    return digest.hexdigest()


@transaction.atomic
def save(original: bytes, facts: Mapping[str, Any]) -> int:
    """The id of the document with these bytes and facts, stored now or before."""
    digest = keep(original)
    row = {k: v for k, v in facts.items() if k in FACTS} | {"sha256": digest, "size": len(original)}
    tables.do("select pg_advisory_xact_lock(%s)", [text_hash(f"records.document {digest}")])
    known = _known(digest, facts)
    return known if known is not None else _insert(row)


def _known(digest: str, facts: Mapping[str, Any]) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select id from records_document where sha256 = %s and registration_id = %s and org_code = %s",
            [digest, facts["registration_id"], facts["org_code"]],
        )
        found = cursor.fetchone()
    return int(found[0]) if found else None


def _insert(row: dict[str, Any]) -> int:
    known = tables.columns("records_document")
    full = {"version": 1, "title": "", "media_type": "", "author_name": "", "received_at": now(), **row}
    full["findings"] = json.dumps(list(row.get("findings") or ()), ensure_ascii=False)
    for column in known.values():
        if column.required and column.name not in full and column.type == "text":
            full[column.name] = ""
    given = {c: v for c, v in full.items() if c in known}
    names, marks = ", ".join(f'"{c}"' for c in given), ", ".join(["%s"] * len(given))
    with connection.cursor() as cursor:
        cursor.execute(f"insert into records_document ({names}) values ({marks}) returning id", list(given.values()))
        return int(cursor.fetchone()[0])
