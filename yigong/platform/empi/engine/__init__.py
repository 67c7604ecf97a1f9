"""The pure engine: who is who, without a database."""
