"""Output of simulated images as DICOM with their truth; the same seed gives the same bytes.

Objects follow Digital X-Ray Image Storage - For Presentation (PS3.3 A.26). All patients are invented.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, JPEG2000Lossless
from pydicom.uid import JPEGLSLossless as JPEGLSLosslessUID

from ho_imaging.errors import UsageError
from ho_imaging.files.atomic import write_bytes, write_text
from ho_imaging.simulation.film import Film
from ho_imaging.simulation.scene import VISIBLE_MM, Scene
from ho_imaging.vocabulary import Laterality, Region, View

__all__ = ["Compression", "write_dx", "write_truth"]

Compression = Literal["jpeg_ls", "jpeg_2000", "none"]


class _Anatomy(NamedTuple):
    code: str
    meaning: str
    body_part: str


# Codes: PS3.16 CID 4009; body parts: PS3.16 Annex L, empty where no term is established.
ANATOMY: dict[str, _Anatomy] = {
    Region.PELVIS: _Anatomy("816092008", "Pelvis", "PELVIS"),
    Region.HIP: _Anatomy("29836001", "Hip", "HIP"),
    Region.THIGH: _Anatomy("68367000", "Thigh", "THIGH"),
    Region.KNEE: _Anatomy("72696002", "Knee", "KNEE"),
    Region.LOWER_LEG: _Anatomy("30021000", "Lower leg", "LEG"),
    Region.ANKLE: _Anatomy("70258002", "Ankle joint", "ANKLE"),
    Region.FOOT: _Anatomy("56459004", "Foot", "FOOT"),
    Region.RESIDUAL_LIMB: _Anatomy("66019005", "Extremity", "EXTREMITY"),
    Region.SHOULDER: _Anatomy("16982005", "Shoulder", "SHOULDER"),
    Region.UPPER_ARM: _Anatomy("40983000", "Upper arm", ""),
    Region.ELBOW: _Anatomy("16953009", "Elbow joint", "ELBOW"),
    Region.FOREARM: _Anatomy("14975008", "Forearm", ""),
    Region.WRIST: _Anatomy("74670003", "Wrist joint", "WRIST"),
    Region.HAND: _Anatomy("85562004", "Hand", "HAND"),
    Region.CHEST: _Anatomy("816094009", "Chest", "CHEST"),
    Region.ABDOMEN: _Anatomy("818981001", "Abdomen", "ABDOMEN"),
    Region.SPINE: _Anatomy("421060004", "Spine", "SPINE"),
    Region.HEAD: _Anatomy("69536005", "Head", "HEAD"),
    Region.EXTREMITY: _Anatomy("66019005", "Extremity", "EXTREMITY"),
    Region.WHOLE_BODY: _Anatomy("38266002", "Entire body", "WHOLEBODY"),
}


class _Projection(NamedTuple):
    code: str
    meaning: str
    position: str
    eponym: tuple[str, str] | None = None


# Simulated views. Codes: PS3.16 CID 4010 and CID 4012; frog leg has only an eponymous code.
PROJECTIONS: dict[str, _Projection] = {
    View.AP: _Projection("399348003", "antero-posterior", "AP"),
    View.LATERAL: _Projection("399067008", "lateral projection", "LL"),
    View.CROSS_TABLE_LATERAL: _Projection("399067008", "lateral projection", "LL"),
    View.FROG_LEG: _Projection("399348003", "antero-posterior", "AP", ("399245002", "Cleaves")),
}
SIDES = {Laterality.LEFT: "L", Laterality.RIGHT: "R", Laterality.BILATERAL: "B"}
SYNTAXES: dict[Compression, UID] = {
    "jpeg_ls": JPEGLSLosslessUID,
    "jpeg_2000": JPEG2000Lossless,
    "none": ExplicitVRLittleEndian,
}
IMPLEMENTATION_UID = UID("2.25.176421358250418713541846713269114237803")
"""Implementation Class UID of the written files (PS3.10 7.1), drawn once."""


def write_dx(
    film: Film,
    scene: Scene,
    path: Path,
    *,
    seed: int,
    study_number: int = 1,
    instance_number: int = 1,
    study_date: str = "20240101",
    compression: Compression = "jpeg_ls",
) -> None:
    """Write an image as a DX object for presentation (PS3.3 A.26), losslessly compressed.

    The study UID depends on ``seed`` and ``study_number``, the image UID also on ``instance_number``, so that views of
    a study and studies of a patient belong together.

    Parameters
    ----------
    film
        The image as stored.
    scene
        Its scene.
    path
        File to write.
    seed
        Identity of the invented patient.
    study_number
        Number of the patient's study, from 1.
    instance_number
        Number of the image in the study.
    study_date
        DICOM DA (YYYYMMDD).
    compression
        One of the names of `SYNTAXES`.

    Raises
    ------
    UsageError
        If the compression is unknown or the view is not one that is simulated.

    """
    if compression not in SYNTAXES:
        raise UsageError(
            f"unknown compression {compression!r}", path=path, remedy="use one of " + ", ".join(map(repr, SYNTAXES))
        )
    if scene.view not in PROJECTIONS:
        raise UsageError(
            f"the view {scene.view} is not simulated", path=path, remedy="use one of " + ", ".join(sorted(PROJECTIONS))
        )
    study = f"{seed}/{study_number}"
    dataset = Dataset()
    _patient_and_study(dataset, seed, study_number, study, study_date)
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = _uid(f"{study}/{instance_number}")
    dataset.SeriesInstanceUID = _uid(f"{study}/series/{instance_number}")
    dataset.SeriesNumber = instance_number
    dataset.InstanceNumber = 1
    _anatomy(dataset, scene)
    _acquisition(dataset, film, scene)
    _image(dataset, film, study_date)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.ImplementationClassUID = IMPLEMENTATION_UID
    dataset.file_meta.ImplementationVersionName = "HO_IMAGING_SIM"
    if compression != "none":
        plugin = "pyjpegls" if compression == "jpeg_ls" else "pylibjpeg"
        dataset.compress(SYNTAXES[compression], encoding_plugin=plugin, generate_instance_uid=False)
    dataset.save_as(path, enforce_file_format=True)


def write_truth(scene: Scene, directory: Path, film: Film | None = None) -> None:
    """Write the truth of a scene: each mask as an 8-bit PNG (0 or 255), and all else as ``truth.json``.

    ``nodules.png`` numbers the nodules from 1 in the order of ``truth.nodules``; where two overlap the denser one
    counts. With ``film`` each nodule gets its contrast-to-noise ratio, ``valid.png`` is the uncollimated field, and
    annotations are a further mimic, ``mimic_marker.png``. Lengths in the masks are at the detector: a millimetre in the
    plane of the hips is ``magnification / pixel_mm`` pixels.

    Parameters
    ----------
    scene
        The scene.
    directory
        Folder to write to; created if missing.
    film
        An image of the scene, or ``None``.

    Raises
    ------
    UsageError
        If a mask cannot be encoded.

    """
    directory.mkdir(parents=True, exist_ok=True)
    masks, truth_of_scene = dict(scene.masks), dict(scene.truth)
    pictures = {"nodules": _numbered(scene)}
    if film is not None:
        pictures["valid"] = film.valid.astype(np.uint8) * np.uint8(255)
        if film.burned_in:
            masks["mimic_marker"] = film.marks
            truth_of_scene["mimics"] = sorted({*scene.truth.get("mimics", ()), "marker"})
        truth_of_scene["nodules"] = [
            dict(nodule) | {"contrast_to_noise": round(contrast, 3)}
            for nodule, contrast in zip(scene.truth.get("nodules", ()), film.nodule_contrast, strict=True)
        ]
        truth_of_scene["beam"], truth_of_scene["look"] = dict(film.beam), dict(film.look)
    pictures |= {name: mask.astype(np.uint8) * np.uint8(255) for name, mask in masks.items()}
    for name, picture in sorted(pictures.items()):
        encoded, data = cv2.imencode(".png", picture)
        if not encoded:
            raise UsageError(f"the mask {name} cannot be written as PNG", path=directory, remedy="check its shape")
        write_bytes(directory / f"{name}.png", data.tobytes())
    rows, columns = next(iter(scene.thickness_mm.values())).shape
    truth = {
        "rows": rows,
        "columns": columns,
        "pixel_mm": scene.pixel_mm,
        "magnification": scene.magnification,
        "region": scene.region,
        "view": scene.view,
        "laterality": scene.laterality,
        "masks": sorted(masks),
        "truth": truth_of_scene,
    }
    text = json.dumps(truth, indent=2, sort_keys=True, allow_nan=False)
    write_text(directory / "truth.json", text + "\n")


def _numbered(scene: Scene) -> NDArray[np.uint8]:
    shape = next(iter(scene.thickness_mm.values())).shape
    numbers, densest = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.float32)
    for number, layer in enumerate(scene.nodules, start=1):
        here = (layer.mineral_mm > VISIBLE_MM) & (layer.mineral_mm > densest[layer.window])
        numbers[layer.window][here] = number
        densest[layer.window][here] = layer.mineral_mm[here]
    return numbers


def _uid(name: str) -> UID:
    """Derive a UID from a name: an RFC 9562 version 8 UUID under 2.25 (PS3.5 B.2)."""
    digest = bytearray(hashlib.sha256(f"ho-imaging simulation {name}".encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return UID(f"2.25.{uuid.UUID(bytes=bytes(digest)).int}")


def _code(value: str, meaning: str, scheme: str = "SCT") -> Dataset:
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning
    return item


def _patient_and_study(dataset: Dataset, seed: int, study_number: int, study: str, study_date: str) -> None:
    dataset.PatientName = f"Simulated^Patient {seed}"
    dataset.PatientID = f"SIM{seed:08d}"
    dataset.PatientBirthDate = ""
    dataset.PatientSex = ""
    dataset.StudyInstanceUID = _uid(study)
    dataset.StudyID = str(study_number)
    dataset.StudyDate = study_date
    dataset.StudyTime = "120000"
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.Modality = "DX"
    dataset.Manufacturer = "ho-imaging simulation"
    dataset.ManufacturerModelName = "Simulated film"
    dataset.DeviceSerialNumber = "0"
    dataset.SoftwareVersions = "1"
    dataset.PresentationIntentType = "FOR PRESENTATION"


def _anatomy(dataset: Dataset, scene: Scene) -> None:
    anatomy = ANATOMY.get(scene.region)
    # Type 2: an empty sequence means that the region is unknown.
    dataset.AnatomicRegionSequence = [] if anatomy is None else [_code(anatomy.code, anatomy.meaning)]
    if anatomy is not None and anatomy.body_part:
        dataset.BodyPartExamined = anatomy.body_part
    dataset.ImageLaterality = SIDES.get(Laterality(scene.laterality), "U")
    projection = PROJECTIONS[scene.view]
    view = _code(projection.code, projection.meaning)
    view.ViewModifierCodeSequence = []
    dataset.ViewCodeSequence = [view]
    dataset.ViewPosition = projection.position
    if projection.eponym is not None:
        dataset.ProjectionEponymousNameCodeSequence = [_code(*projection.eponym)]
    dataset.SeriesDescription = f"{scene.region} {scene.view}".replace("_", " ").upper()
    # Row 0 is cranial and column 0 the patient's right, so rows run to the left and columns to the foot.
    dataset.PatientOrientation = ["L", "F"]


def _acquisition(dataset: Dataset, film: Film, scene: Scene) -> None:
    source_detector_mm = float(film.beam["source_detector_mm"])
    dataset.KVP = f"{film.beam['kvp']:.1f}"
    dataset.DistanceSourceToDetector = f"{source_detector_mm:.3f}"
    dataset.DistanceSourceToPatient = f"{source_detector_mm / scene.magnification:.3f}"
    dataset.EstimatedRadiographicMagnificationFactor = f"{scene.magnification:.4f}"
    dataset.PositionerType = "NONE"
    dataset.FilterType = "STRIP" if film.beam["aluminium_mm"] > 0.0 else "NONE"
    dataset.FilterMaterial = ["ALUMINUM", "COPPER"] if film.beam["copper_mm"] > 0.0 else "ALUMINUM"
    dataset.ImagerPixelSpacing = [f"{film.pixel_mm:.6g}", f"{film.pixel_mm:.6g}"]
    dataset.DetectorType = "SCINTILLATOR"
    dataset.DetectorConfiguration = "AREA"
    dataset.AcquisitionContextSequence = []


def _image(dataset: Dataset, film: Film, study_date: str) -> None:
    rows, columns = film.pixels.shape
    inverted = film.photometric == "MONOCHROME1"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", ""]
    dataset.ContentDate = study_date
    dataset.ContentTime = "120000"
    dataset.AcquisitionDate = study_date
    dataset.AcquisitionTime = "120000"
    dataset.BurnedInAnnotation = "YES" if film.burned_in else "NO"
    dataset.LossyImageCompression = "00"
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = film.photometric
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated = 8 if film.bits_stored == 8 else 16
    dataset.BitsStored = film.bits_stored
    dataset.HighBit = film.bits_stored - 1
    dataset.PixelRepresentation = 0
    # Bone is bright: higher display values had fewer X-rays; stored values are inverted in MONOCHROME1.
    dataset.PixelIntensityRelationship = "LIN" if film.look["processing"] == "linear" else "LOG"
    dataset.PixelIntensityRelationshipSign = 1 if inverted else -1
    dataset.RescaleIntercept = "0"
    dataset.RescaleSlope = "1"
    dataset.RescaleType = "US"
    dataset.PresentationLUTShape = "INVERSE" if inverted else "IDENTITY"
    dataset.WindowCenter = f"{film.window_center:.1f}"
    dataset.WindowWidth = f"{film.window_width:.1f}"
    stored = film.pixels.astype(np.uint8) if film.bits_stored == 8 else film.pixels.astype("<u2")
    data = stored.tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB" if film.bits_stored == 8 else "OW"
