"""The catalogues of sentences, taken together as the pages take them."""

from __future__ import annotations

from collections import defaultdict

from yigong.portal.env import ROOT
from yigong.portal.messages import read

CATALOGUES = sorted((ROOT / "yigong").rglob("locale/en/LC_MESSAGES/django.po"))


Said = dict[tuple[object, object], dict[str, tuple[str, ...]]]


def _said() -> Said:
    """(context, Chinese) to the English forms of each module."""
    said: Said = defaultdict(dict)
    for path in CATALOGUES:
        for message in read(path) or ():
            if message.id:
                forms = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
                said[message.context, message.id][path.parents[3].name] = forms
    return said


def test_one_chinese_sentence_has_one_english_sentence() -> None:
    """One Chinese sentence has one English sentence over all modules, for a page takes it from whichever comes first."""
    torn = {key[1]: said for key, said in _said().items() if len(set(said.values())) > 1}
    assert not torn


def test_no_sentence_lacks_its_english() -> None:
    """Every Chinese sentence of every module has its English."""
    lacking = [(key[1], module) for key, said in _said().items() for module, forms in said.items() if not all(forms)]
    assert CATALOGUES
    assert not lacking
