"""A hospital's own operating threshold and confidence of findings, with the films they rest on: the site file.

``ho-imaging validate --suggest-threshold`` writes it. It changes which nodules are reported and how sure the program
says it is; the weights stay as they are.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date
from os import PathLike
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ho_imaging.errors import UsageError
from ho_imaging.files.given_path import given_path
from ho_imaging.files.toml import parse_toml, read_toml_bytes, to_toml
from ho_imaging.network.calibration import Calibration
from ho_imaging.network.prediction import ModelIdentity, SiteIdentity

__all__ = ["Site", "SiteEvidence", "SiteFile", "SiteModel", "read_site", "site_text"]

_REMEDY = "write it with ho-imaging validate --suggest-threshold"

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=0)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SiteModel(_Strict):
    """The model that a site file is for."""

    name: str
    version: str
    sha256: Digest


class SiteEvidence(_Strict):
    """Basis of the threshold.

    ``films``, ``positives``, ``negatives``: accepted films with a label, those labelled yes and no. Rates are shares of
    the accepted films labelled no on which something is outlined, with their Wilson intervals; sensitivities those of
    the films labelled yes. ``before``: at the threshold used until then. ``labels_sha256``: of the table of labels.
    """

    date: date
    films: Count
    positives: Count
    negatives: Count
    false_positive_rate_asked: Share
    false_positive_rate_before: Share
    false_positive_rate_before_interval: tuple[Share, Share]
    false_positive_rate_after: Share
    false_positive_rate_after_interval: tuple[Share, Share]
    sensitivity_before: Share | None = None
    sensitivity_before_interval: tuple[Share, Share] | None = None
    sensitivity_after: Share | None = None
    sensitivity_after_interval: tuple[Share, Share] | None = None
    threshold_before: Share
    threshold_interval: tuple[Share, Share]
    finding_confidence_fit: str
    labels_sha256: Digest
    program: str


class SiteFile(_Strict):
    """The contents of a site file.

    ``threshold``: operating threshold of ectopic bone, on the calibrated probability. ``finding_confidence``: turns the
    highest probability in a nodule into the probability that it is one, see `ho_imaging.network.calibration`.
    """

    threshold: Annotated[float, Field(gt=0.0, lt=1.0)]
    model: SiteModel
    finding_confidence: Calibration
    evidence: SiteEvidence


@dataclass(frozen=True)
class Site:
    """Settings of a site file for the analysis; two are equal if their files have the same content.

    ``sha256``: of the file. ``path``: where it was read, for messages.
    """

    sha256: str
    threshold: float
    temperature: float
    bias: float
    model_name: str
    model_version: str
    model_sha256: str
    path: str = field(default="", compare=False, repr=False)

    @property
    def identity(self) -> SiteIdentity:
        """Identity of the site file, for results."""
        return SiteIdentity(self.sha256, self.threshold)

    @property
    def finding_confidence(self) -> Calibration:
        """The confidence of findings, in place of the model's."""
        return Calibration(temperature=self.temperature, bias=self.bias)

    def check(self, model: ModelIdentity) -> None:
        """Raise `UsageError` unless the site file was made for these weights."""
        if model.sha256 != self.model_sha256:
            raise UsageError(
                f"is for the model {self.model_name} {self.model_version} (sha256 {self.model_sha256}), "
                f"but the model used is {model.name} {model.version} (sha256 {model.sha256})",
                path=self.path or None,
                remedy="run ho-imaging validate --suggest-threshold again with this model",
            )


def read_site(path: str | PathLike[str]) -> Site:
    """Read and check a site file.

    Raises
    ------
    TypeError
        If it is no path.
    UsageError
        If it cannot be read or is no site file.

    """
    place = given_path(path, "a site file of ho-imaging validate --suggest-threshold")
    data = read_toml_bytes(place, UsageError, remedy=_REMEDY)
    found = parse_toml(data, SiteFile, UsageError, path=place, remedy=_REMEDY)
    return Site(
        sha256=hashlib.sha256(data).hexdigest(),
        threshold=found.threshold,
        temperature=found.finding_confidence.temperature,
        bias=found.finding_confidence.bias,
        model_name=found.model.name,
        model_version=found.model.version,
        model_sha256=found.model.sha256,
        path=str(path),
    )


def site_text(file: SiteFile) -> str:
    """Return a site file as TOML."""
    about = "# Operating threshold and confidence of findings for one site; use it with --site. Research use only.\n\n"
    return about + to_toml(file.model_dump(mode="json", exclude_none=True))
