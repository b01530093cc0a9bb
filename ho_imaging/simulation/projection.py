"""Projection of bodies to millimetres of material along each ray.

The camera is fixed: the source at the origin, the central ray along +y, x to the right of the image, z up. Scenes move
the patient, not the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.shape_model import Mesh, Points

__all__ = ["Camera", "path_through", "path_through_volume"]


@dataclass(frozen=True)
class Camera:
    """A point source and a flat detector at ``source_detector_mm`` along +y.

    ``center_rc``: pixel (row, column) hit by the central ray. Row 0 is up (+z), columns run along +x.
    """

    shape: tuple[int, int]
    pixel_mm: float
    source_detector_mm: float
    center_rc: tuple[float, float]

    def project(self, points: Points) -> Points:
        """Project points in front of the source onto the detector.

        Parameters
        ----------
        points
            (n, 3) float64 in mm.

        Returns
        -------
        ndarray
            (n, 2) float64, (row, column).

        """
        scale = self.source_detector_mm / points[:, 1] / self.pixel_mm
        return np.stack([self.center_rc[0] - points[:, 2] * scale, self.center_rc[1] + points[:, 0] * scale], axis=1)

    def magnification(self, y_mm: float) -> float:
        """Return the magnification of a plane at the detector.

        Parameters
        ----------
        y_mm
            Distance of the plane from the source.

        Returns
        -------
        float
            Magnification.

        """
        return self.source_detector_mm / y_mm

    def plane_coordinates(self, y_mm: float) -> tuple[Points, Points]:
        """Return the coordinates at which rays cross a plane.

        Parameters
        ----------
        y_mm
            Distance of the plane from the source.

        Returns
        -------
        x, z : ndarray
            (columns,) and (rows,) in mm.

        """
        step = self.pixel_mm / self.magnification(y_mm)
        x = (np.arange(self.shape[1]) - self.center_rc[1]) * step
        z = (self.center_rc[0] - np.arange(self.shape[0])) * step
        return np.asarray(x, dtype=np.float64), np.asarray(z, dtype=np.float64)


def path_through(
    camera: Camera, mesh: Mesh, weights: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Return the length of each pixel's ray inside a closed mesh, and the mean of a vertex weight over the hits.

    Each face adds its depth where the ray leaves the body and subtracts it where the ray enters. Faces are filled row
    by row between their two edges; a shared edge is crossed at the same column from both sides, and spans are half
    open, so that no ray misses an edge or counts twice.

    Parameters
    ----------
    camera
        Source and detector.
    mesh
        Closed surface in camera space.
    weights
        (n,) one number per vertex (a density, say), or ``None``.

    Returns
    -------
    path_mm, mean_weight : ndarray
        (rows, columns) float32 each; ``mean_weight`` is 0 where nothing is hit and ``None`` without weights.

    """
    rows, columns = camera.shape
    rc = camera.project(mesh.vertices)
    face, row, column = _fill(rc, mesh.faces, camera.shape)
    index = row * columns + column
    corners = rc[mesh.faces]
    inverse_depth, facing = _plane(corners, 1.0 / mesh.vertices[mesh.faces, 1])
    depth = facing[face] / _at(inverse_depth, face, row, column)
    depth_sum = np.bincount(index, depth, minlength=rows * columns)
    r = (np.arange(rows) - camera.center_rc[0])[:, None] * camera.pixel_mm
    c = (np.arange(columns) - camera.center_rc[1])[None, :] * camera.pixel_mm
    obliquity = np.sqrt(1.0 + (r**2 + c**2) / camera.source_detector_mm**2)
    path = np.maximum(depth_sum.reshape(rows, columns) * obliquity, 0.0).astype(np.float32)
    if weights is None:
        return path, None
    weight = _at(_plane(corners, weights[mesh.faces])[0], face, row, column)
    count = np.bincount(index, minlength=rows * columns)
    mean = np.bincount(index, weight, minlength=rows * columns) / np.maximum(count, 1)
    return path, mean.reshape(rows, columns).astype(np.float32)


def _fill(
    rc: Points, faces: NDArray[np.int64], shape: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return face, row and column of every pixel centre covered by every projected face."""
    row_of = rc[faces][:, :, 0]
    first = np.maximum(np.ceil(row_of.min(axis=1)).astype(np.int64), 0)
    last = np.minimum(np.ceil(row_of.max(axis=1)).astype(np.int64) - 1, shape[0] - 1)
    face, row = _expand(first, last)
    low = np.full(len(face), np.inf)
    high = np.full(len(face), -np.inf)
    for one, other in ((0, 1), (1, 2), (2, 0)):
        # Always from the lower vertex number to the higher, so that both faces at an edge round alike.
        p = rc[np.minimum(faces[:, one], faces[:, other])]
        q = rc[np.maximum(faces[:, one], faces[:, other])]
        rise = q[:, 0] - p[:, 0]
        slope = np.divide(q[:, 1] - p[:, 1], rise, out=np.zeros(len(faces)), where=rise != 0)
        crossed = (np.minimum(p[face, 0], q[face, 0]) <= row) & (row < np.maximum(p[face, 0], q[face, 0]))
        at = p[face, 1] + (row - p[face, 0]) * slope[face]
        low = np.where(crossed, np.minimum(low, at), low)
        high = np.where(crossed, np.maximum(high, at), high)
    spanned = np.isfinite(low)
    face, row, low, high = face[spanned], row[spanned], low[spanned], high[spanned]
    left = np.clip(np.ceil(low), 0, shape[1]).astype(np.int64)
    right = np.clip(np.ceil(high), 0, shape[1]).astype(np.int64) - 1
    span, column = _expand(left, right)
    return face[span], row[span], column


def _expand(first: NDArray[np.int64], last: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """List the integers of every range ``first..last`` (inclusive), with the index of the range each belongs to."""
    lengths = np.maximum(last - first + 1, 0)
    owner = np.repeat(np.arange(len(first)), lengths)
    starts = np.cumsum(lengths) - lengths
    return owner, np.arange(len(owner)) - starts[owner] + first[owner]


def _plane(corners: Points, values: Points) -> tuple[Points, NDArray[np.float64]]:
    """Return the linear function of (row, column) through each face's corner values, (m, 3), and its facing (+-1)."""
    u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    twice_area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    safe = np.where(np.abs(twice_area) < 1e-12, 1.0, twice_area)
    du, dv = values[:, 1] - values[:, 0], values[:, 2] - values[:, 0]
    by_row = (du * v[:, 1] - dv * u[:, 1]) / safe
    by_column = (dv * u[:, 0] - du * v[:, 0]) / safe
    constant = values[:, 0] - by_row * corners[:, 0, 0] - by_column * corners[:, 0, 1]
    return np.stack([constant, by_row, by_column], axis=1), np.where(twice_area > 0, -1.0, 1.0)


def _at(
    plane: Points, face: NDArray[np.int64], row: NDArray[np.int64], column: NDArray[np.int64]
) -> NDArray[np.float64]:
    return np.asarray(plane[face, 0] + plane[face, 1] * row + plane[face, 2] * column)


def path_through_volume(
    camera: Camera, fraction: NDArray[np.float32], origin: Points, voxel_mm: float
) -> NDArray[np.float32]:
    """Return millimetres of full material along each ray through a block of voxels.

    The block is summed along the ray to its centre (weak perspective: rays within a block of a few centimetres are
    parallel to within 3 degrees), then resampled to the detector.

    Parameters
    ----------
    camera
        Source and detector.
    fraction
        (nx, ny, nz) float32 in [0, 1], fraction of material in each voxel; axes along the camera's x, y, z.
    origin
        Position of the centre of voxel (0, 0, 0) in mm.
    voxel_mm
        Side of a voxel.

    Returns
    -------
    ndarray
        (rows, columns) float32 in mm.

    """
    nx, ny, nz = fraction.shape
    center = origin + 0.5 * voxel_mm * (np.array(fraction.shape) - 1)
    slope_x, slope_z = center[0] / center[1], center[2] / center[1]
    offsets = (np.arange(ny) - 0.5 * (ny - 1)) * voxel_mm
    # Each slice is shifted along the ray through the block's centre before summing.
    pad_x = int(np.ceil(abs(slope_x) * offsets[-1] / voxel_mm)) + 1
    pad_z = int(np.ceil(abs(slope_z) * offsets[-1] / voxel_mm)) + 1
    total = np.zeros((nx + 2 * pad_x, nz + 2 * pad_z), np.float32)
    for k, offset in enumerate(offsets):
        plane = fraction[:, k, :]
        if not plane.any():
            continue
        move = np.array([[1, 0, pad_z - slope_z * offset / voxel_mm], [0, 1, pad_x - slope_x * offset / voxel_mm]])
        total += cv2.warpAffine(np.ascontiguousarray(plane), move, (total.shape[1], total.shape[0]))
    magnification = camera.magnification(float(center[1]))
    scale = camera.pixel_mm / magnification / voxel_mm  # voxels per pixel
    if scale > 1.0:
        total = cv2.GaussianBlur(total, (0, 0), 0.4 * scale)
    # From image (row, column) to block (x index, z index) at the centre's plane; z decreases with the rows.
    x0 = -camera.center_rc[1] * scale + (0.0 - origin[0]) / voxel_mm + pad_x
    z0 = camera.center_rc[0] * scale + (0.0 - origin[2]) / voxel_mm + pad_z
    # cv2 coordinates are (x = second axis = z index, y = first axis = x index), from image (column, row).
    inverse_map = np.array([[0.0, -scale, z0], [scale, 0.0, x0]])
    length = float(np.sqrt(1.0 + slope_x**2 + slope_z**2)) * voxel_mm
    path = cv2.warpAffine(
        total, inverse_map, (camera.shape[1], camera.shape[0]), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    return np.asarray(path, dtype=np.float32) * np.float32(length)
