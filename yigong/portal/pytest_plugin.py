"""Gives every test run a real PostgreSQL before Django is set up."""

from yigong.portal import postgres

postgres.ensure()
