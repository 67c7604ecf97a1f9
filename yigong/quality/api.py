"""The doors of data quality: runs over stored rows, issues, scores."""

from yigong.quality.domain import Score
from yigong.quality.due import work
from yigong.quality.issues import expire_waivers
from yigong.quality.running import run
from yigong.quality.scores import Place, by_institution, ranking, total, window
from yigong.quality.selectors import issues, may_see, waiting
from yigong.quality.shown import score_cell
from yigong.quality.telling import work as tell

__all__ = [
    "Place",
    "Score",
    "by_institution",
    "expire_waivers",
    "issues",
    "may_see",
    "ranking",
    "run",
    "score_cell",
    "tell",
    "total",
    "waiting",
    "window",
    "work",
]
