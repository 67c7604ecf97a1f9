"""Shared documents (CDA) of WS/T 500 and WS/T 483, read by their declarations."""
