"""What a tired engineer reads at night: help, errors, status, log, doctor; in both languages, with exit codes."""

from __future__ import annotations

import ast
import json
import os
import re
from pathlib import Path

import pytest

from yigong.edge import command, identity, keys, logbook
from yigong.edge.buffer import Buffer, Part
from yigong.edge.extract.sentences import SENTENCES as EXTRACTION
from yigong.edge.language import told
from yigong.edge.sentences import SENTENCES, said_of

pytestmark = pytest.mark.feature("G33")
FOLDER = Path(command.__file__).parent


def codes() -> set[str]:
    """Every code of a refusal or fault that the program can raise."""
    found = set()
    for file in FOLDER.rglob("*.py"):
        if "tests" in file.parts:
            continue
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("Refused", "Fault"):
                found |= {a.value for a in call.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    return found


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """The folder of a node that was enrolled once."""
    folder = tmp_path / "node"
    keys.make_key(folder / keys.KEY)
    facts = {"url": "http://127.0.0.1:9", "node": "n1", "centre_key": "", "org_code": "100000001X", "name": "县医"}
    (folder / identity.FILE).write_text(json.dumps(facts), "utf-8")
    return folder


def do(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """A command: its exit code and all that it said."""
    code = command.main(list(words))
    told_here = capsys.readouterr()
    return code, told_here.out + told_here.err


def test_every_refusal_has_its_sentence_in_both_languages() -> None:
    """No code of the program or of extraction reaches a person as a code."""
    missing = {c for c in codes() if c not in SENTENCES and c not in EXTRACTION}
    assert missing == set()
    assert [
        c
        for c, (zh, en) in SENTENCES.items()
        if re.search("[\u4e00-\u9fff]", en) or not re.search("[\u4e00-\u9fff]", zh)
    ] == ["edge.system", "log.feed"]


@pytest.mark.parametrize("name", ["", *command.ACTS])
@pytest.mark.parametrize(("language", "word"), [("zh", "退出码"), ("en", "Exit codes")])
def test_help_is_in_the_language_of_the_machine(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, language: str, word: str
) -> None:
    """Every command explains itself and its exit codes."""
    monkeypatch.setenv("YIGONG_EDGE_LANGUAGE", language)
    with pytest.raises(SystemExit) as ended:
        command.main([*([name] if name else []), "--help"])
    said = capsys.readouterr().out
    assert (ended.value.code, word in said) == (0, True), said
    assert not (language == "en" and re.search("[\u4e00-\u9fff]", said))


def test_the_language_is_that_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chinese or English by the locale; both where the machine has neither."""
    for name in ("YIGONG_EDGE_LANGUAGE", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    said = {}
    for locale in ("zh_CN.UTF-8", "en_GB.UTF-8", "C.UTF-8"):
        monkeypatch.setenv("LANG", locale)
        said[locale] = told("好", "well")
    assert said == {"zh_CN.UTF-8": "好", "en_GB.UTF-8": "well", "C.UTF-8": "好 / well"}


def test_doctor_looks_at_a_folder_that_is_none_and_leaves_it_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong folder is named, and nothing is laid into it."""
    code, said = do(capsys, "--home", str(tmp_path / "wrong"), "doctor")
    assert (code, "--home" in said, (tmp_path / "wrong").exists()) == (1, True, False)


def test_doctor_tells_each_thing_that_is_wrong(node: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No process, no centre, no orders: three lines, each with what to do; what is well is said too."""
    code, said = do(capsys, "--home", str(node), "--timeout", "2", "doctor")
    amiss = [line for line in said.splitlines() if line.startswith("异常")]
    assert (code, len(amiss)) == (1, 3), said
    assert all(word in said for word in ("节点进程没有运行", "没有开放这个端口", "分配采集源", "缓存完好"))


def test_a_broken_buffer_is_a_sentence(node: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is named, and what to do about it."""
    (node / "buffer.db").write_bytes(b"no database at all" * 100)
    for name in ("status", "log", "run"):
        code, said = do(capsys, "--home", str(node), name)
        assert (code, "buffer.db" in said and "把这个文件移走" in said) == (1, True), said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to another user")
def test_another_user_is_told_whose_folder_it_is(node: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files that the service could not open are never left behind."""
    os.chown(node / identity.FILE, 65534, -1)
    code, said = do(capsys, "--home", str(node), "status")
    assert (code, "sudo -u" in said, (node / "buffer.db").exists()) == (2, True, False)


def test_the_log_is_told_and_kept_within_bounds(node: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What goes on is told once; the eldest lines go."""
    buffer = Buffer(node)
    book = logbook.Logbook(buffer)
    for _ in range(3):
        book.trouble("centre", "edge.away", {"reason": "timeout"})
    assert [line.code for line in buffer.lines()] == ["edge.away"]
    assert book.over("centre") and not book.over("centre")
    for n in range(logbook.LENGTH + 20):
        book.say("log.back", minutes=n)
    assert len(buffer.lines(10_000)) == logbook.LENGTH
    code, said = do(capsys, "--home", str(node), "log", "--lines", "2")
    assert (code, len(said.splitlines())) == (0, 2)
    assert f"中断了 {logbook.LENGTH + 19} 分钟" in said


def test_what_waits_is_kept_when_another_node_takes_the_folder(node: Path) -> None:
    """Bundles keep their order and are numbered from 1; orders and words of the old node go."""
    buffer = Buffer(node)
    stream = buffer.feed("7").stream
    for n in range(3):
        buffer.add("7", stream, [Part(1, {"columns": []}, f"{n}".encode())], {"mark": n}, "2026-03-01T00:00:00+00:00")
    first = buffer.next()
    assert first
    buffer.receipted(first)
    buffer.apply(5, "{}", "", "2026-03-01T00:00:00+00:00")
    buffer.note(identity.REVOKED, "2026-03-01")
    buffer.begin_anew()
    again = buffer.next()
    assert again and (again.number, buffer.packed(again), again.stream != stream) == (1, b"1", True)
    assert (buffer.queue().rows, buffer.configuration(), buffer.fact(identity.REVOKED)) == (2, None, "")
    assert buffer.feed("7").position == {"mark": 2}


def test_reasons_are_words_in_each_language() -> None:
    """Why the centre is away is told in the language of its sentence."""
    zh, en = said_of("edge.away", {"reason": "host"})
    assert ("找不到主机名" in zh, "the name is not known" in en) == (True, True)
