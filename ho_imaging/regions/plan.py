"""The shape of a plan: what a module of a joint fills in."""

from __future__ import annotations

from dataclasses import dataclass

from ho_imaging.messages import Message
from ho_imaging.vocabulary import Region, Structure

__all__ = ["COMMON", "Bone", "Code", "Landmark", "Pair", "RegionPlan", "ScopeLimits", "Socket"]

COMMON = (Structure.HO, Structure.IMPLANT, Structure.BODY)
"""Structures that every region has besides its bones and its landmark."""

Code = tuple[str, str]
"""Value and meaning of a SNOMED CT code."""


@dataclass(frozen=True)
class Bone:
    """A native bone of a region.

    Attributes
    ----------
    structure
        The network's map of it.
    least_part_mm2
        Parts of the map under this area are specks, in mm2.
    code
        SNOMED CT code of the bone, as DICOM objects name it.

    """

    structure: Structure
    least_part_mm2: float
    code: Code


@dataclass(frozen=True)
class Landmark:
    """The round end of a bone that tells where a joint is and how large the patient is.

    Attributes
    ----------
    structure
        The network's map of it.
    bone
        The bone that it is the end of. It lies in the joint: contact with it joins nothing, and it opposes nothing.
    diameter_mm, scale_sd
        Its usual diameter in adults, in mm, and the relative error of millimetres that are scaled from it.
    words
        Its name in a sentence, in the plural.
    code
        SNOMED CT code.
    radius_range_mm
        Radii that are believed, on the detector, in mm.
    least_prosthesis_radius_mm
        Least radius of a prosthesis in its place, in mm.
    periarticular_radii
        A nodule with a point within so many radii of the joint's centre is periarticular.
    apart_radii, beside_radii
        Two landmarks nearer to each other than the first are not the joints of two sides; one nearer to the middle of
        the film than the second is not that of one side of a film of both.
    registered_radii
        Bone within so many radii of the centre is matched when two films are laid over each other.

    """

    structure: Structure
    bone: Structure
    diameter_mm: float
    scale_sd: float
    words: str
    code: Code
    radius_range_mm: tuple[float, float]
    least_prosthesis_radius_mm: float
    periarticular_radii: float
    apart_radii: float
    beside_radii: float
    registered_radii: float

    def scale_message(self) -> Message:
        """Return what is said of millimetres that are scaled from it."""
        return Message(
            "mm_from_heads", landmarks=self.words, diameter_mm=self.diameter_mm, percent=100.0 * self.scale_sd
        )


@dataclass(frozen=True)
class Socket:
    """Surroundings of a landmark that sits in its socket, in shares of the upper and lower half of a ring about it.

    Attributes
    ----------
    ring
        Inner and outer edge of the ring, in radii.
    least_first_above, most_second_above
        Shares of the upper half that the first and the second opposing bone take up.
    least_second_below
        Share of the lower half that the second bone, or an implant in its place, takes up.

    """

    ring: tuple[float, float]
    least_first_above: float
    most_second_above: float
    least_second_below: float


@dataclass(frozen=True)
class Pair:
    """Proportions that tell adults' joints from children's on films that may show both sides and have an upright.

    Attributes
    ----------
    joint
        The joint's name in a sentence.
    distance_in_diameters
        Distance between the two landmarks over the diameter of the larger one: least and most.
    distance_mm
        The same in mm: least and most of adults.
    most_first_bone
        Most of the first opposing bone about one joint, in squares of the landmark's diameter.
    least_cover
        Least share of the landmark that is bone or implant.
    first_bone_of_both_mm2
        Least of the first opposing bone on a film of both sides, in mm2.
    socket
        What lies about a landmark.

    """

    joint: str
    distance_in_diameters: tuple[float, float]
    distance_mm: tuple[float, float]
    most_first_bone: float
    least_cover: float
    first_bone_of_both_mm2: float
    socket: Socket


@dataclass(frozen=True)
class ScopeLimits:
    """Requirements that a film must meet to be read.

    Attributes
    ----------
    shows
        What a film of the region shows, as a reason names it: regions.
    least_bone_mm2
        Bones that must show, each with its least projected area in mm2. An implant counts as the landmark's bone.
    pair
        Judged by its joints, which are those of an adult, and by an upright that everybody keeps to; ``None``: not.
    is_definite
        The region is stated, so its bones outweigh the network's doubt.
    needs_joint
        A joint must be seen, even where the pixel spacing is known.

    """

    shows: tuple[Region, ...]
    least_bone_mm2: tuple[tuple[Structure, float], ...]
    pair: Pair | None
    is_definite: bool
    needs_joint: bool


@dataclass(frozen=True)
class RegionPlan:
    """All that is known of one joint or region.

    Attributes
    ----------
    name
        The plan's name, in lower case.
    bones
        The native bones that are outlined and that nodules can be joined to.
    opposing
        The two bones whose gap is measured, proximal one first; empty where no gap is defined.
    cortex
        The bone whose cortex densities are compared with; ``None``: none is.
    landmark
        Where the joint is; ``None`` where the region has none that is known.
    least_opposing_mm2
        Less of an opposing bone on a side and there is no joint to measure, in mm2.
    gap_reach_mm
        A gap that is wider is none, in mm.
    magnification
        Mean and standard deviation of the magnification where a film does not state it.
    long_side_mm
        Usual long side of the exposed field of a film without any spacing, in mm.
    scope
        What a film must show; ``None`` where films of the region are not read.
    site
        SNOMED CT code of the region (DICOM PS3.16 CID 4); ``None``: nothing is coded.
    leading_system
        Name of the grading system whose grade stands for the region (`ho_imaging.severity.systems`).

    """

    name: str
    bones: tuple[Bone, ...]
    opposing: tuple[Structure, Structure] | tuple[()]
    cortex: Structure | None
    landmark: Landmark | None
    least_opposing_mm2: float
    gap_reach_mm: float
    magnification: tuple[float, float]
    long_side_mm: float
    scope: ScopeLimits | None
    site: Code | None
    leading_system: str

    @property
    def bone_structures(self) -> tuple[Structure, ...]:
        """The bones' maps."""
        return tuple(bone.structure for bone in self.bones)

    @property
    def outlined(self) -> tuple[Structure, ...]:
        """Structures with sub-pixel outlines: the bones, and the landmark."""
        return self.bone_structures if self.landmark is None else (*self.bone_structures, self.landmark.structure)

    @property
    def structures(self) -> tuple[Structure, ...]:
        """Structures that a network must outline for this region."""
        return (*COMMON, *self.outlined)
