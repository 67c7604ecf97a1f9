"""The catalogues of sentences: collected from templates and code, compiled to what gettext reads.

A sentence stands in the code in Chinese; ``locale/en`` of the module gives the English, ``locale/zh_Hans`` keeps the
Chinese wording, so that a county may word things its own way. No gettext programs are needed.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from yigong.portal.env import ROOT

KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
LANGUAGES = ("zh_Hans", "en")


def modules() -> list[Path]:
    """Folders that have catalogues of their own: every app of the wiring."""
    from yigong.portal.wiring import APPS

    return [ROOT / app.replace(".", "/") for app in APPS]


def sentences(module: Path) -> Iterator[tuple[str, int, str | tuple[str, ...], str | None]]:
    """(file, line, sentence or forms, context) of every sentence of a module."""
    others = [m for m in modules() if m != module and m.is_relative_to(module)]
    for file in sorted(module.rglob("*")):
        if "tests" in file.parts or "migrations" in file.parts or any(file.is_relative_to(o) for o in others):
            continue
        if file.suffix == ".py":
            source = file.read_text("utf-8")
        elif file.suffix in (".html", ".txt") and "templates" in file.parts:
            source = _as_code(file)
        else:
            continue
        name = file.relative_to(ROOT).as_posix()
        for line, message, _comments, context in extract("python", io.BytesIO(source.encode()), KEYWORDS):
            yield name, line, tuple(message) if isinstance(message, list | tuple) else str(message), context


def _as_code(template: Path) -> str:
    from django.utils.translation.template import templatize

    code = templatize(template.read_text("utf-8"), origin=str(template))
    return "\n".join(line.strip() for line in code.splitlines())  # indentation means nothing in a template


def collect(module: Path) -> None:
    """Bring the catalogues of a module up to its sentences; translations that are there stay."""
    found = list(sentences(module))
    for language in LANGUAGES if found else ():
        path = module / "locale" / language / "LC_MESSAGES" / "django.po"
        old = read(path)
        new = Catalog(locale=language, fuzzy=False, header_comment="# Sentences of " + module.name)
        new.mime_headers = [("Content-Type", "text/plain; charset=utf-8")]
        for file, _line, message, context in found:
            before = old.get(message[0] if isinstance(message, tuple) else message, context) if old else None
            string = before.string if before else ""
            if language == "zh_Hans" and not before:
                string = message if isinstance(message, tuple) else str(message)
                string = (message[0],) * new.num_plurals if isinstance(message, tuple) else string
            new.add(message, string, locations=[(file, 0)], context=context)
        path.parent.mkdir(parents=True, exist_ok=True)
        out = io.BytesIO()
        write_po(out, new, width=120, sort_output=True, omit_header=False, include_lineno=False)
        text = "\n".join(
            line
            for line in out.getvalue().decode().splitlines()
            if "-Date: " not in line and "Generated-By" not in line
        )
        path.write_text(text + "\n", "utf-8")


def read(path: Path) -> Catalog | None:
    """The catalogue in a file, or None when there is no such file."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        return read_po(file)


def compile_all() -> int:
    """Write the compiled form beside every catalogue; how many."""
    done = 0
    for path in sorted((ROOT / "yigong").rglob("locale/*/LC_MESSAGES/django.po")):
        catalog = read(path)
        if catalog:
            with path.with_suffix(".mo").open("wb") as out:
                write_mo(out, catalog)
            done += 1
    return done


def untranslated(path: Path) -> list[str]:
    """Sentences of a catalogue that have no translation yet."""
    catalog = read(path)
    return [str(m.id) for m in catalog or () if m.id and _lacks(m)]


def _lacks(message: Message) -> bool:
    strings = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return message.fuzzy or not all(strings)


def main() -> int:
    """``collect`` or ``compile``."""
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            USE_I18N=True, INSTALLED_APPS=[], TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
        )
        django.setup()
    if sys.argv[1:] == ["collect"]:
        for module in modules():
            collect(module)
    compile_all()
    missing = 0
    for path in sorted((ROOT / "yigong").rglob("locale/en/LC_MESSAGES/django.po")):
        if lacking := untranslated(path):
            missing += len(lacking)
            if sys.argv[1:] == ["collect"]:
                print(f"{path.relative_to(ROOT)}: {len(lacking)} without English, first: {lacking[0][:60]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
