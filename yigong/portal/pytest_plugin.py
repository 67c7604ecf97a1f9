"""Gives every test run a real PostgreSQL before Django is set up."""

import os

from yigong.portal import postgres

# the browser of the journeys keeps an event loop in the test process; the tests themselves are synchronous
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
postgres.ensure()
