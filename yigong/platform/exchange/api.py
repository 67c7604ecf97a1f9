"""The doors of the exchange: feeds and their runs, files taken in, quarantine."""

from yigong.platform.exchange.alarms import open_alarms, open_count
from yigong.platform.exchange.batch import DocumentFacts, MatterFacts, StandardBatch
from yigong.platform.exchange.beats import standing as worker_standing
from yigong.platform.exchange.ingest import FileReport, Report, ingest
from yigong.platform.exchange.lists import FEED_STATES
from yigong.platform.exchange.messages import Taken, document_batches, take
from yigong.platform.exchange.models import Alarm, Feed, FeedState, Job, RowState
from yigong.platform.exchange.notices import channels
from yigong.platform.exchange.notices import send as send_letter
from yigong.platform.exchange.notices import work as tell_alarms
from yigong.platform.exchange.origins import Origin, collecting_since, origins
from yigong.platform.exchange.pipeline import Totals
from yigong.platform.exchange.quarantine import discard, mend
from yigong.platform.exchange.readers.hl7v2.titles import english_title
from yigong.platform.exchange.selectors import Account, accounts, counts, feeds, jobs, latest_runs, quarantine
from yigong.platform.exchange.services import pause, resend, resume, run, run_buffered, run_range, save_feed
from yigong.platform.exchange.worker import Worker

__all__ = [
    "FEED_STATES",
    "Account",
    "Alarm",
    "DocumentFacts",
    "Feed",
    "FeedState",
    "FileReport",
    "Job",
    "MatterFacts",
    "Origin",
    "Report",
    "RowState",
    "StandardBatch",
    "Taken",
    "Totals",
    "Worker",
    "accounts",
    "channels",
    "collecting_since",
    "counts",
    "discard",
    "document_batches",
    "english_title",
    "feeds",
    "ingest",
    "jobs",
    "latest_runs",
    "mend",
    "open_alarms",
    "open_count",
    "origins",
    "pause",
    "quarantine",
    "resend",
    "resume",
    "run",
    "run_buffered",
    "run_range",
    "save_feed",
    "send_letter",
    "take",
    "tell_alarms",
    "worker_standing",
]
