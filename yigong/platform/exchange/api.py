"""The doors of the exchange: feeds and their runs, files taken in, quarantine."""

from yigong.platform.exchange.batch import DocumentFacts, StandardBatch
from yigong.platform.exchange.ingest import FileReport, Report, ingest
from yigong.platform.exchange.messages import Taken, document_batches, take
from yigong.platform.exchange.models import FeedState, Job, RowState
from yigong.platform.exchange.pipeline import Totals
from yigong.platform.exchange.quarantine import discard, mend
from yigong.platform.exchange.selectors import Account, accounts, counts, feeds, jobs, quarantine
from yigong.platform.exchange.services import pause, resend, resume, run, save_feed

__all__ = [
    "Account",
    "DocumentFacts",
    "FeedState",
    "FileReport",
    "Job",
    "Report",
    "RowState",
    "StandardBatch",
    "Taken",
    "Totals",
    "accounts",
    "counts",
    "discard",
    "document_batches",
    "feeds",
    "ingest",
    "jobs",
    "mend",
    "pause",
    "quarantine",
    "resend",
    "resume",
    "run",
    "save_feed",
    "take",
]
