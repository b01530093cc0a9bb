"""De-identify DICOM objects before they leave a site: the Basic Profile of PS3.15 Annex E, with keyed pseudonyms.

What the profile does with each attribute comes from the package dicom-anonymizer (table of 2024b). Added here: its
rules hold inside sequences too; identifiers are replaced by ones made from them with a site's key, so that films of one
patient, study and series stay together, over many runs as well, and nobody without the key can link them back; and
the content of this program's own reports is kept, which names no patient.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID

from ho_imaging.errors import ReadError, UsageError
from ho_imaging.extras import missing_extra
from ho_imaging.reading.own import is_own

__all__ = ["KEY_BYTES", "burned_in_warning", "deidentify", "pseudonym", "pseudonym_uid", "site_key"]

KEY_BYTES = 32
METHOD = "ho_imaging: PS3.15 Basic Profile with keyed pseudonyms"
_BASIC_PROFILE = ("113100", "DCM", "Basic Application Confidentiality Profile")
_DUMMY_DATES = {"00010101", "000000.00", "00010101010101.000000+0000"}
"""Value that the library writes for a time: no time is better than a wrong one."""

_CONTENT_SEQUENCE = (0x0040, 0xA730)
_PATIENT_ID, _PATIENT_NAME = (0x0010, 0x0020), (0x0010, 0x0010)
_MOST_NAME = 16

Rule = Callable[[Dataset, tuple[int, int]], None]


def site_key(path: Path) -> bytes:
    """Read a site's key; make one, readable to this user alone, where there is none.

    Raises
    ------
    ReadError
        If it cannot be read or written.
    UsageError
        If the file is no key.

    """
    try:
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(secrets.token_bytes(KEY_BYTES))
        key = path.read_bytes()
    except OSError as error:
        raise ReadError(
            f"cannot be used: {error.strerror}", path=path, remedy="check the path and its rights"
        ) from error
    if len(key) != KEY_BYTES:
        raise UsageError("is not a key", path=path, remedy=f"give a file of {KEY_BYTES} random bytes, or a new name")
    return key


def deidentify(dataset: Dataset, key: bytes) -> Dataset:
    """De-identify a data set in place, and return it.

    Parameters
    ----------
    dataset
        A film, or an object made of one, with its file meta information.
    key
        Of `site_key`; the same key gives the same pseudonyms.

    Returns
    -------
    Dataset
        Without private attributes, names, dates and free text; pixels are as they were.

    Raises
    ------
    UsageError
        If the extra ``share`` is not installed.

    """
    try:
        from dicomanonymizer.dicomfields_selector import (  # noqa: PLC0415  (an extra)
            dicom_anonymization_database_selector,
        )
        from dicomanonymizer.simpledicomanonymizer import (  # noqa: PLC0415
            anonymize_dataset,
            initialize_actions_2024b,
            keep,
        )
    except ImportError as error:
        raise missing_extra(error, "share", "de-identification") from error
    number = str(dataset.get("PatientID", "") or "") or str(dataset.get("PatientName", "") or "")
    tables = dicom_anonymization_database_selector("dicomfields_2024b")
    rules: dict[Any, Any] = {tag: _uid_rule(key) for name in ("U_TAGS", "X_Z_U_STAR_TAGS") for tag in tables[name]}
    if is_own(dataset):
        rules |= {_CONTENT_SEQUENCE: keep, (0x0008, 0x0070): keep, (0x0008, 0x1090): keep, (0x0018, 0x1020): keep}
    patient = pseudonym(key, "P", number) if number else ""

    def whole(part: Dataset) -> None:
        anonymize_dataset(part, rules, base_rules_gen=initialize_actions_2024b)
        for element in list(part):
            if element.VR == "SQ":
                for item in element.value:
                    whole(item)
            elif element.VR in {"DA", "DT", "TM"} and str(element.value) in _DUMMY_DATES:
                element.value = ""

    whole(dataset)
    dataset.PatientID, dataset.PatientName = patient, patient
    dataset.PatientIdentityRemoved, dataset.DeidentificationMethod = "YES", METHOD
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = _BASIC_PROFILE
    dataset.DeidentificationMethodCodeSequence = [code]
    if hasattr(dataset, "file_meta"):
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        for keyword in ("SourceApplicationEntityTitle", "PrivateInformation", "PrivateInformationCreatorUID"):
            dataset.file_meta.pop(keyword, None)
    dataset.preamble = bytes(128)
    return dataset


def burned_in_warning(dataset: Dataset) -> str | None:
    """Return what is to be said of text in the picture, which no profile of attributes takes out."""
    stated = str(dataset.get("BurnedInAnnotation", "") or "").strip().upper()
    if "PixelData" not in dataset or stated == "NO":
        return None
    if stated == "YES":
        return "the header says that text is burned into the picture: look at it, and do not share it as it is"
    return "the header does not say whether text is burned into the picture: look at it before it is shared"


def _uid_rule(key: bytes) -> Rule:
    def replace(dataset: Dataset, tag: tuple[int, int]) -> None:
        if tag not in dataset or dataset[tag].VR != "UI":
            return  # a sequence of references stays, and its items follow the same rules
        element = dataset[tag]
        values = list(element.value) if element.VM > 1 else [element.value]
        made = [pseudonym_uid(key, str(value)) for value in values if value]
        element.value = made if len(made) > 1 else made[0] if made else ""

    return replace


def pseudonym_uid(key: bytes, uid: str) -> UID:
    """Return a UID under 2.25 (PS3.5 B.2) made of another with the key, shaped as a version 8 UUID (RFC 9562)."""
    digest = bytearray(bytes.fromhex(_digest(key, "uid", uid))[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return UID(f"2.25.{int.from_bytes(digest, 'big')}")


def pseudonym(key: bytes, kind: str, name: str) -> str:
    """Return a name that is made of another with the key: ``kind``, then 16 hexadecimal digits."""
    return f"{kind}{_digest(key, kind, name)[:_MOST_NAME].upper()}"


def _digest(key: bytes, *parts: str) -> str:
    return hmac.new(key, "\0".join(parts).encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
