"""The doors of data quality: runs over stored rows, issues, scores."""

from yigong.quality.domain import Score
from yigong.quality.due import work
from yigong.quality.issues import expire_waivers
from yigong.quality.running import run
from yigong.quality.scores import by_institution, total, window
from yigong.quality.selectors import issues, waiting

__all__ = ["Score", "by_institution", "expire_waivers", "issues", "run", "total", "waiting", "window", "work"]
