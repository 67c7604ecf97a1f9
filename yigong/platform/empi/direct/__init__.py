"""The direct door of the index: look-ups over HTTP without the page server between (ADR 19)."""
