"""Refusals and errors say what happened, to people and to programs."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.conf import settings
from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.utils import translation

from yigong.kit.errors import Refused
from yigong.web import http

Ask = Callable[..., HttpRequest]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("not_permitted", 403),
        ("no_such_person", 404),
        ("not_found", 404),
        ("missing", 400),
        ("wrong_state", 409),
        ("exchange.file_missing", 409),
        ("unheard_of", 409),
    ],
)
def test_refusal_has_the_status_of_its_kind(ask: Ask, code: str, status: int) -> None:
    """May not, is not there, lacks something, or a rule says no."""
    assert http.refusal(ask(), Refused(code)).status_code == status


def test_refusal_names_the_permission_and_who_gives_it(ask: Ask) -> None:
    """A page without permission names the permission in words, who can give it, and the number."""
    html = http.refusal(ask(), Refused("not_permitted", action="home.view")).content.decode()
    assert "打开工作台" in html and "平台管理员" in html and "7F3A0142" in html and "home.view" not in html


def test_refusal_for_programs(ask: Ask) -> None:
    """Who asks for JSON gets code, facts and sentence."""
    answer = http.refusal(ask(HTTP_ACCEPT="application/json"), Refused("missing", fields=["原因", "科室"]))
    body = json.loads(answer.content)
    assert (
        answer.status_code == 400
        and body["code"] == "missing"
        and body["facts"]["fields"] == ["原因", "科室"]
        and "原因、科室" in body["sentence"]
    )


def test_refused_write_leaves_the_region_alone(ask: Ask) -> None:
    """A refused htmx write is said beside the region, which stays as it was; a refused read fills its region."""
    write = http.refusal(ask(htmx=True, method="post"), Refused("conflict"))
    assert write["HX-Retarget"] == "#toasts" and "yg-toast bad" in write.content.decode()
    read = http.refusal(ask(htmx=True), Refused("not_found"))
    assert not read.has_header("HX-Retarget") and "<html" not in read.content.decode()


def test_unknown_refusal_still_speaks() -> None:
    """A code without a sentence names itself and says that nothing was changed."""
    assert "unheard_of" in http.sentence(Refused("unheard_of"))


def test_a_fact_that_lacks_does_not_break_the_sentence() -> None:
    """A sentence with a missing fact is still a sentence."""
    assert "—" in http.sentence(Refused("not_permitted"))


def test_every_table_of_sentences_can_be_read() -> None:
    """Each refusal of the house gives a sentence in both languages, with no place left open."""
    for code in http.sentences():
        for language in ("zh-hans", "en"):
            with translation.override(language):
                said = http.sentence(Refused(code))
                assert said and "%(" not in said, code


def test_a_module_words_a_common_refusal_only_with_its_own_facts() -> None:
    """A module's sentence for a common code is taken when its facts are there; else the house's own is."""
    own = http.sentence(Refused("missing", fields=["reason"], fields_words="转诊原因"))
    assert "转诊原因" in own and "—" not in own
    assert "reason" in http.sentence(Refused("missing", fields=["reason"]))


def test_no_two_modules_word_one_code() -> None:
    """Two modules that name a refusal alike would overwrite each other's words."""
    import importlib

    seen: dict[str, str] = {}
    for path in settings.SENTENCE_TABLES:
        module, _sep, name = path.partition(":")
        for code in getattr(importlib.import_module(module), name):
            assert seen.setdefault(code, path) == path, code


@pytest.mark.django_db
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_unknown_address(client: Client, accept: str) -> None:
    """An address that leads nowhere says so, with a number, also before log in."""
    answer = client.get("/there/is/no/such/page", headers={"accept": accept})
    assert answer.status_code == 404
    assert ("没有这个页面" in answer.content.decode()) == (accept == "text/html")


def test_fault_keeps_its_details_to_itself(ask: Ask) -> None:
    """The page of a fault gives a number and never the error; without a database it still stands."""
    html = http.failed(ask()).content.decode()
    assert "7F3A0142" in html and "没有写入任何内容" in html and "Traceback" not in html
    assert "没有写入任何内容" in http.render_plain("7F3A0142")


def test_words_after_an_act(ask: Ask) -> None:
    """After an htmx act the page is told by a header, else by the next page; both carry the way back."""
    told = http.say(ask(htmx=True, method="post"), HttpResponse(), "已接收 周桂英", undo="/undo/")
    assert json.loads(told["HX-Trigger"])["yg-toast"] == {"text": "已接收 周桂英", "undo": "/undo/", "tone": ""}
    request = ask(method="post")
    http.say(request, HttpResponse(), "已接收", undo="/undo/")
    assert [(str(m), m.extra_tags) for m in get_messages(request)] == [("已接收", "/undo/")]


@pytest.mark.parametrize(
    ("header", "field", "key"), [("abc", "", "abc"), ("", "xyz", "xyz"), ("", "", ""), ("x" * 99, "", "x" * 64)]
)
def test_idempotency_key(header: str, field: str, key: str) -> None:
    """The key comes from the header of htmx or the field of a plain form, and has an end."""
    from django.test import RequestFactory

    extra = {"HTTP_IDEMPOTENCY_KEY": header} if header else {}
    assert http.idempotency_key(RequestFactory().post("/", {"idempotency_key": field}, **extra)) == key
