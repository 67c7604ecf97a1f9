"""The language in which a command of the exchange speaks: as told, else that of the terminal, else Chinese."""

from __future__ import annotations

import argparse
import os


def add_language(parser: argparse.ArgumentParser) -> None:
    """Let a command be told its language."""
    parser.add_argument("--lang", choices=("zh", "en"), help="输出语言 / language of the output")


def english(given: str | None) -> bool:
    """Whether a command speaks English: *given* is what ``--lang`` said."""
    said = given or next((os.environ[n] for n in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(n)), "zh")
    return said.lower().startswith("en")
