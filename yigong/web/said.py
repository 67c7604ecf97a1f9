"""Fixed words of a page looked up once for each language: ``{% translate "工作台" %}`` as Django reads it, and then kept.

A page says forty of them and more; looking each up again on every page took a twentieth of its processor time.
"""

from __future__ import annotations

from django import template
from django.conf import settings
from django.template.base import Parser, Token
from django.templatetags.i18n import TranslateNode, do_translate
from django.utils.translation import get_language


class SaidNode(template.Node):
    """Words that depend on nothing but the language."""

    def __init__(self, asked: TranslateNode) -> None:
        self.asked = asked
        self.said: dict[str | None, str] = {}

    def render(self, context: template.Context) -> str:
        """The words in the language of the reader."""
        language = get_language()
        found = self.said.get(language)
        if found is None:
            found = self.asked.render(context)
            if not settings.DEBUG:
                self.said[language] = found
        return found


def translate(parser: Parser, token: Token) -> template.Node:
    """Django's ``translate``; fixed words without name or context are kept."""
    asked = do_translate(parser, token)
    words = asked.filter_expression
    fixed = getattr(words.var, "literal", None) is not None and not words.filters
    return SaidNode(asked) if fixed and not (asked.noop or asked.asvar or asked.message_context) else asked
