"""HL7 v2: what was written is what is read, whatever signs, line ends, frames and charsets the sender uses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shared import shared
from yigong.kit.hl7v2 import charset, write
from yigong.kit.hl7v2.parse import Message, NotHl7, Separators, split_messages, unescape

HEAD = r"MSH|^~\&|LIS|4401000001|YG|CENTRE|20260301080000||ORU^R01|1|P|2.4"

texts = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\r\n|^~\\&"), max_size=12)
nested = st.lists(
    st.lists(st.lists(st.lists(texts, min_size=1, max_size=3), min_size=1, max_size=3), min_size=1, max_size=3),
    min_size=1,
    max_size=6,
)
signs = st.permutations("|^~\\&#$*@!%").map(lambda order: Separators(*order[:5]))


def _head(separators: Separators) -> str:
    return write.header([[[[word]]] for word in ("LIS", "ORG", "YG", "CENTRE", "2026")], separators)


@pytest.mark.feature("C15")
@given(fields=nested, separators=signs)
@settings(deadline=None)
def test_what_is_written_is_read(fields: write.Nested, separators: Separators) -> None:
    """Any text in any field, with any five declared signs, comes back unchanged and in its place."""
    text = write.message([_head(separators), write.segment("ZZ1", fields, separators)])
    message = Message(text)
    assert message.separators == separators
    assert message.segments("ZZ1")[0].nested() == fields
    assert message.segments("ZZ1")[0].value(1) == fields[0][0][0][0]


@given(
    fields=st.lists(nested, min_size=1, max_size=4), ends=st.sampled_from(["\r", "\n", "\r\n"]), framed=st.booleans()
)
@settings(deadline=None)
def test_line_ends_and_frames_change_nothing(fields: list[write.Nested], ends: str, framed: bool) -> None:
    """Segments end in CR, LF or both, with or without the frame of MLLP: the same message."""
    text = write.message([HEAD, *(write.segment("OBX", field) for field in fields)]).replace("\r", ends)
    data = write.frame(text) if framed else text.encode()
    ((_, one),) = split_messages(data)
    message = Message(charset.decode(one).text)
    assert [s.nested() for s in message.segments("OBX")] == fields


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_no_bytes_make_the_reader_stumble(noise: bytes) -> None:
    """Whatever stands in a file, splitting, decoding and reading it end without an error."""
    for _, one in split_messages(noise + b"\rMSH|" + noise):
        try:
            message = Message(charset.decode(one).text)
        except NotHl7:
            continue
        assert [segment.nested() for segment in message]


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", "a|b^c&d~e\\f"),
        (r"line\.br\next\.sp\after", "line\nnext\nafter"),
        (r"\H\bold\N\ plain", "bold plain"),
        (r"\XE79AAE\炎", "皮炎"),
        (r"\X0D0A\ ", "\r\n "),
        (r"\Zkept\ and \unknown\ stay, so does a lone \ ", r"\Zkept\ and \unknown\ stay, so does a lone \ "),
        (r"\XZZ\ ", r"\XZZ\ "),
    ],
)
def test_escape_sequences(raw: str, plain: str) -> None:
    """Each sequence of the standard is resolved; what is none stays as it stands."""
    assert unescape(raw, Separators()) == plain


@pytest.mark.parametrize(
    ("declared", "encoding", "read_as", "wrong"),
    [
        ("UNICODE UTF-8", "utf-8", "utf-8", False),
        ("GB 18030-2000", "gb18030", "gb18030", False),
        ("", "utf-8", "utf-8", False),
        ("", "gb18030", "gb18030", False),
        ("UNICODE UTF-8", "gb18030", "gb18030", True),
        ("ASCII", "gb18030", "gb18030", True),
        ("8859/1", "latin-1", "latin-1", False),
        ("", "utf-8-sig", "utf-8", False),
        ("", "utf-16", "utf-16", False),
    ],
)
def test_charsets(declared: str, encoding: str, read_as: str, wrong: bool) -> None:
    """MSH-18 is believed while the bytes agree; otherwise the bytes are, and that is said."""
    name = "Müller" if encoding == "latin-1" else "王秀兰"
    text = f"{HEAD}||||||{declared}\rPID|1||1||{name}\r"
    decoded = charset.decode(text.encode(encoding))
    assert (decoded.charset, decoded.wrong, decoded.lossy) == (read_as, wrong, False)
    assert Message(decoded.text).get("PID-5") == name


def test_batch_with_frames_and_continued_lines() -> None:
    """A batch file gives its messages without FHS, BHS, BTS, FTS; a broken line belongs to the one before."""
    batch = f"FHS|^~\\&|A\rBHS|^~\\&|A\r{HEAD}\rOBX|1|TX|a||first\nsecond\r{HEAD}\rZX9|own\rBTS|2\rFTS|1\r".encode()
    first, second = (Message(data.decode()) for _, data in split_messages(batch))
    assert first.get("OBX-5") == "first\nsecond"
    assert [s.name for s in second] == ["MSH", "ZX9"]


@pytest.mark.feature("C15")
def test_every_sample_is_read() -> None:
    """Each sample file gives messages whose kind, control number and version stand where the standard puts them."""
    for path in sorted(shared("samples/hl7v2").iterdir()):
        for _, data in split_messages(path.read_bytes()):
            message = Message(charset.decode(data).text)
            assert "^" in message.kind and message.get("MSH-10") and message.get("MSH-12").startswith("2."), path.name
            rebuilt = [write.segment(s.name, s.nested()) for s in message if s.name != "MSH"]
            again = Message(write.message([message.lines[0], *rebuilt]))
            assert [s.nested() for s in again] == [s.nested() for s in message], path.name


@pytest.mark.feature("C15")
@given(lines=st.lists(nested, max_size=4), separators=signs, ends=st.sampled_from(["\r", "\n"]))
@settings(deadline=None)
def test_many_lines_are_read_as_one_by_one(lines: list[write.Nested], separators: Separators, ends: str) -> None:
    """The fast way over all segments of a name gives what value after value gives, missing fields and components empty."""
    text = write.message([_head(separators), *(write.segment("OBX", line, separators) for line in lines)])
    message = Message(text.replace("\r", ends))
    places = ("1", "1.2", "3", "3.3", "7", "9.2")
    wanted = [(int(p.split(".")[0]), int((*p.split("."), "1")[1])) for p in places]
    assert message.rows("OBX", *places) == [[s.value(*w) for w in wanted] for s in message.segments("OBX")]
    assert message.rows("OBX", "3.2") == [[s.value(3, 2)] for s in message.segments("OBX")]
    assert message.rows("MSH", "3", "4.1") == [[message.get("MSH-3"), message.get("MSH-4")]]
    assert [s.name for s in message] == ["MSH", *["OBX"] * len(lines)]
