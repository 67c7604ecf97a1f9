"""Validation from the official structure definitions: structure, types, bindings, references; invariants by FHIRPath."""
