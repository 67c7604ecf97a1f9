"""Readers of what institutions send."""
