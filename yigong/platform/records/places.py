"""Where the standard data sets say what the summary of a person needs: (data set, columns)."""

from __future__ import annotations

from typing import NamedTuple


class AllergyPlace(NamedTuple):
    """A data set that speaks of allergies: its flag and its words, either may be missing."""

    data_set: str
    flag: str
    words: str


class DiagnosisPlace(NamedTuple):
    """A data set that names a diagnosis: columns of its code and name."""

    data_set: str
    code: str
    name: str


ALLERGIES = (
    AllergyPlace("outpatient_record", "allergy_history_flag", "allergy_history"),
    AllergyPlace("emergency_observation_record", "allergy_history_flag", "allergy_history"),
    AllergyPlace("treatment_record", "allergy_history_flag", "allergy_history"),
    AllergyPlace("surgical_nursing_record", "allergy_history_flag", "allergy_history"),
    AllergyPlace("preoperative_summary", "allergy_history_flag", "allergy_history"),
    AllergyPlace("admission_record", "", "allergy_history"),
    AllergyPlace("admission_assessment", "", "allergy_history"),
    AllergyPlace("basic_health_information", "", "allergy_history"),
    AllergyPlace("referral_record", "", "allergy_history"),
    AllergyPlace("inpatient_front_page", "medication_allergy_flag", "allergenic_medication"),
    AllergyPlace("tcm_inpatient_front_page", "medication_allergy_flag", "allergenic_medication"),
    AllergyPlace("personal_basic_information", "medication_allergy_history_flag", "medication_allergen_code"),
)

BLOOD_GROUPS = (
    "personal_basic_information",
    "basic_health_information",
    "inpatient_front_page",
    "tcm_inpatient_front_page",
    "transfusion_record",
    "surgical_nursing_record",
    "anesthesia_record",
    "maternal_health_service_2009",
)

DIAGNOSES = (
    DiagnosisPlace("outpatient_record", "preliminary_diagnosis_western_code", "preliminary_diagnosis_western_name"),
    DiagnosisPlace(
        "emergency_observation_record", "preliminary_diagnosis_western_code", "preliminary_diagnosis_western_name"
    ),
    DiagnosisPlace("inpatient_front_page", "discharge_principal_diagnosis_code", "discharge_principal_diagnosis_name"),
    DiagnosisPlace("inpatient_front_page", "discharge_other_diagnosis_code", "discharge_other_diagnosis_name"),
    DiagnosisPlace(
        "tcm_inpatient_front_page",
        "discharge_principal_western_diagnosis_code",
        "discharge_principal_western_diagnosis_name",
    ),
    DiagnosisPlace(
        "tcm_inpatient_front_page",
        "discharge_other_western_diagnosis_code",
        "discharge_other_western_diagnosis_name",
    ),
    DiagnosisPlace("discharge_record", "discharge_diagnosis_western_code", "discharge_diagnosis_western_name"),
    DiagnosisPlace("discharge_summary", "discharge_diagnosis_western_code", ""),
    DiagnosisPlace("admission_record", "confirmed_diagnosis_western_code", "confirmed_diagnosis_western_name"),
)

#: data sets of chronic-disease care: (data set, code of the problem it manages)
CARE = (("hypertension_management_2009", "I10"), ("diabetes_management_2009", "E11"))
