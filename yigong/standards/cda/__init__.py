"""Shared documents (CDA) by their declarations: what stands where, and whose it is."""
