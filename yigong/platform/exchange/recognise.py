"""What kind of file this is, by its content; a file's name says nothing."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from yigong.kit.encoding import decode
from yigong.kit.xml import PROLOG

HEAD = 64 * 1024
DOCUMENT_LIMIT = 32 * 1024 * 1024  # one shared document; lists and HL7 batches are read piece by piece and have none
MESSAGE = re.compile(rb"\A[\s\x0b\xef\xbb\xbf]*(?:MSH|FHS|BHS)([^\w\s])")
ELEMENT = re.compile(r"<(?:[\w.-]+:)?([\w.-]+)")

#: first bytes -> what it is, in Chinese and English
MAGIC = (
    (b"%PDF-", "PDF 文件", "a PDF file"),
    (b"\x89PNG", "PNG 图片", "a PNG picture"),
    (b"\xff\xd8\xff", "JPEG 图片", "a JPEG picture"),
    (b"GIF8", "GIF 图片", "a GIF picture"),
    (b"BM", "BMP 图片", "a BMP picture"),
    (b"II*\0", "TIFF 图片", "a TIFF picture"),
    (b"MM\0*", "TIFF 图片", "a TIFF picture"),
    (b"\xd0\xcf\x11\xe0", "旧版 Office 文件（xls、doc），请另存为 xlsx 或 CSV", "an old Office file (xls, doc); save it as xlsx or CSV"),
    (b"Rar!", "RAR 压缩包，请解压后再采集", "a RAR archive; unpack it first"),
    (b"7z\xbc\xaf", "7z 压缩包，请解压后再采集", "a 7z archive; unpack it first"),
    (b"\x1f\x8b", "gzip 压缩文件，请解压后再采集", "a gzip file; unpack it first"),
    (b"SQLite format 3", "SQLite 数据库，请按数据源接入", "an SQLite database; connect it as a source"),
    (b"PAR1", "Parquet 文件，请按数据源接入", "a Parquet file; connect it as a source"),
    (b"\x7fELF", "程序文件", "a program"),
    (b"MZ", "程序文件", "a program"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recognised:
    """The kind of a file; ``none`` with the reason in both languages where there is no reader for it."""

    kind: str  # cda hl7v2 csv excel zip none
    encoding: str = ""
    separator: str = ""
    rule: str = ""
    zh: str = ""
    en: str = ""


def _none(rule: str, zh: str, en: str) -> Recognised:
    return Recognised("none", rule=rule, zh=zh, en=en)


def recognise(path: Path) -> Recognised:
    """The kind of the file at *path*, from its first bytes and its size."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEAD)
    found = recognise_bytes(head, whole=size <= HEAD)
    if found.kind == "none" and found.rule == "zip":
        return _archive(path)
    if found.kind == "cda" and size > DOCUMENT_LIMIT:
        megabytes = size // 1024 // 1024
        return _none(
            "too_large",
            f"共享文档有 {megabytes} MB，超过 32 MB 上限",
            f"a shared document of {megabytes} MB; the limit is 32 MB",
        )
    return found


def recognise_bytes(head: bytes, *, whole: bool = True) -> Recognised:
    """The kind of a file that begins with *head*."""
    if not head.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        return _none("empty", "文件是空的", "the file is empty")
    if MESSAGE.match(head):
        return Recognised("hl7v2")
    if head.startswith(b"PK\x03\x04"):
        return _none("zip", "ZIP 压缩包", "a ZIP archive")
    for magic, zh, en in MAGIC:
        if head.startswith(magic) and not (len(magic) == 2 and _is_text(head, whole)):
            return _none("no_reader", f"这是{zh}，没有可读取的记录", f"this is {en}: no records can be read from it")
    return _text(head, whole)


def _archive(path: Path) -> Recognised:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return _none(
            "zip_broken", "压缩包或 Excel 文件已损坏或不完整", "the archive or workbook is damaged or incomplete"
        )
    if "xl/workbook.xml" in names:
        return Recognised("excel")
    if "word/document.xml" in names or "ppt/presentation.xml" in names:
        return _none(
            "no_reader",
            "这是 Office 文稿，没有可读取的记录",
            "this is an Office document: no records can be read from it",
        )
    return _none(
        "zip",
        f"这是 ZIP 压缩包（{len(names)} 个文件），请解压后再采集",
        f"this is a ZIP archive of {len(names)} files; unpack it first",
    )


def _is_text(head: bytes, whole: bool) -> bool:
    decoded = decode(head if whole else _cut(head))
    return not decoded.lossy and "\0" not in decoded.text


def _text(head: bytes, whole: bool) -> Recognised:
    decoded = decode(head if whole else _cut(head))
    text = decoded.text
    if text.lstrip("\ufeff \t\r\n").startswith("<"):
        return _xml(text.lstrip("\ufeff"), decoded.encoding)
    if decoded.lossy or "\0" in text or _noise(text):
        return _none(
            "binary", "无法识别：既不是文本，也不是已知的文件格式", "not recognised: neither text nor a known format"
        )
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        name = " FHIR" if '"resourceType"' in text else ""
        return _none(
            "no_reader", f"这是{name} JSON，不能按文件采集", f"this is{name} JSON, which is not taken in as a file"
        )
    separator = _separator(text, whole)
    if separator:
        return Recognised("csv", encoding=decoded.encoding, separator=separator)
    return _none(
        "no_reader",
        "这是普通文本，不是表格、HL7 消息或共享文档",
        "this is plain text: no table, no HL7 message, no shared document",
    )


def _xml(text: str, encoding: str) -> Recognised:
    begin = PROLOG.match(text)
    rest = text[begin.end() :] if begin else text
    if rest[:9].upper() == "<!DOCTYPE":
        found = re.search(r"(?<!!)<(?:[\w.-]+:)?(ClinicalDocument)[\s>]", rest)
        return (
            Recognised("cda", encoding=encoding)
            if found
            else _none(
                "doctype",
                "XML 含有文档类型声明（DOCTYPE），不予读取",
                "the XML has a document type declaration (DOCTYPE): it is not read",
            )
        )
    found = ELEMENT.match(rest)
    name = found.group(1) if found else ""
    if name == "ClinicalDocument" or (name and re.search(r"<(?:[\w.-]+:)?ClinicalDocument[\s>]", rest)):
        return Recognised("cda", encoding=encoding)
    if not name:
        return _none(
            "xml_broken",
            "像 XML 但没有根元素，文件已损坏",
            "looks like XML but has no root element: the file is damaged",
        )
    return _none(
        "other_xml",
        f"这是 XML（{name}），但不是共享文档（ClinicalDocument）",
        f"this is XML ({name}) but no shared document (ClinicalDocument)",
    )


def _cut(head: bytes) -> bytes:
    """The head without a sign that the cut has halved."""
    end = max(head.rfind(b"\n"), head.rfind(b">"))
    if end <= 0:
        return head[: len(head) // 4 * 4 - 4] if head[:2] in (b"\xff\xfe", b"\xfe\xff") else head[:-4]
    return head[: end + 1 + (head[end + 1 : end + 2] == b"\0")]


def _noise(text: str) -> bool:
    odd = sum(1 for sign in text[:4000] if sign < " " and sign not in "\t\r\n\f\x0b\x1c")
    return odd > len(text[:4000]) // 50


def _separator(text: str, whole: bool) -> str:
    """The sign that cuts the first lines into equally many parts, at least two."""
    lines = text.splitlines()
    lines = [line for line in (lines if whole else lines[:-1])[:30] if line.strip()]
    if not lines:
        return ""
    for sign in (",", "\t", "|", ";"):
        if sign not in lines[0]:
            continue
        widths = [len(row) for row in csv.reader(io.StringIO("\n".join(lines)), delimiter=sign) if row]
        if widths and widths[0] > 1 and sum(w == widths[0] for w in widths) >= 0.7 * len(widths):
            return sign
    return ""
