"""The doors of the registry: institutions, divisions, staff."""

from yigong.platform.registry.selectors import (
    Institution,
    division_names,
    institution,
    institutions,
    staff_counts,
    staff_names,
)
from yigong.platform.registry.services import save_divisions, save_institutions, save_staff

__all__ = [
    "Institution",
    "division_names",
    "institution",
    "institutions",
    "save_divisions",
    "save_institutions",
    "save_staff",
    "staff_counts",
    "staff_names",
]
