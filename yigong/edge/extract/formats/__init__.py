"""Formats of files: each a function ``read(path, config, *, size)`` that yields frames of text with ``_place``."""
