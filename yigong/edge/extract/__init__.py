"""Extraction: rows of hospital databases and files, the same at the edge and at the centre. Pure of Django."""
