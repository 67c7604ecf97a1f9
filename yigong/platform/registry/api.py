"""The doors of the registry: institutions, divisions, staff."""

from yigong.platform.registry.departments import find_departments, save_department, save_institution
from yigong.platform.registry.models import Department, Staff
from yigong.platform.registry.selectors import (
    Institution,
    division_names,
    institution,
    institutions,
    staff_counts,
    staff_names,
)
from yigong.platform.registry.services import save_divisions, save_institutions, save_staff
from yigong.platform.registry.staff import find_staff, masked, register_staff, staff_by_id_no, update_staff
from yigong.platform.registry.terms import Code, codes_of, find_version, register_terms, waiting_count

__all__ = [
    "Code",
    "Department",
    "Institution",
    "Staff",
    "codes_of",
    "division_names",
    "find_departments",
    "find_staff",
    "find_version",
    "institution",
    "institutions",
    "masked",
    "register_staff",
    "register_terms",
    "save_department",
    "save_divisions",
    "save_institution",
    "save_institutions",
    "save_staff",
    "staff_by_id_no",
    "staff_counts",
    "staff_names",
    "update_staff",
    "waiting_count",
]
