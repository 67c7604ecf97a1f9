"""The doors of the image service: studies of a person, archives looked through."""

from yigong.platform.dicom.selectors import StudyRow, archives, is_configured, of_person
from yigong.platform.dicom.services import Swept, save_pacs, sweep, turn, work

__all__ = ["StudyRow", "Swept", "archives", "is_configured", "of_person", "save_pacs", "sweep", "turn", "work"]
