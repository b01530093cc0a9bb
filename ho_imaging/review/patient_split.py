"""Assignment of patients to the splits train, val and test."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ho_imaging.errors import HOImagingError
from ho_imaging.reading.open_dicom import open_dataset
from ho_imaging.training.cases import Split

__all__ = ["patient_key", "split_of"]


def split_of(key: str, *, val_share: float, test_share: float) -> Split:
    """Return the split of a patient: always the same for the same key, however many other patients there are."""
    drawn = int.from_bytes(hashlib.sha256(f"split\0{key}".encode("utf-8", "surrogateescape")).digest()[:8], "big")
    share = drawn / 2**64
    return "test" if share < test_share else "val" if share < test_share + val_share else "train"


def patient_key(path: Path, study_uid: str) -> str:
    """Return what a patient's films have in common; it is hashed and kept nowhere."""
    try:
        header = open_dataset(path, header_only=True)
    except HOImagingError:
        return study_uid  # a picture file names no patient
    # Not the issuer, which one film of a patient may name and the next one not: two splits would share the patient.
    patient = str(header.get("PatientID", "") or "").strip()
    return f"\0{patient}" if patient else study_uid
