"""DICOM (影像服务): studies of the regional PACS found by person through DICOMweb."""
