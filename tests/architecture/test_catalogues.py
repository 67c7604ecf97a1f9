"""Both languages are whole."""

from pathlib import Path

import pytest

from yigong.portal import messages
from yigong.portal.env import ROOT


@pytest.mark.parametrize("module", messages.modules(), ids=lambda m: m.relative_to(ROOT).as_posix())
def test_every_sentence_has_its_english(module: Path) -> None:
    """Each sentence of a module stands in its English catalogue with a translation."""
    needed = {str(m[0] if isinstance(m, tuple) else m) for _file, _line, m, _context in messages.sentences(module)}
    catalogue = module / "locale/en/LC_MESSAGES/django.po"
    if not needed:
        return
    known = {str(m.id[0] if isinstance(m.id, tuple) else m.id) for m in messages.read(catalogue) or () if m.id}
    assert sorted(needed - known) == [], "run `make messages`"
    assert messages.untranslated(catalogue) == []
