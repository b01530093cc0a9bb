"""From bodies in space to millimetres of material along each ray.

The camera stands still: the source at the origin, the ray axis along +y, x to the right of the picture, z up. Scenes move
the patient, not the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.shape_model import Mesh, Points

__all__ = ["Camera", "path_through", "path_through_volume"]

_CELLS_PER_BATCH = 2_000_000


@dataclass(frozen=True)
class Camera:
    """A point source and a flat detector at ``source_detector_mm`` along +y.

    ``center_rc`` is the pixel (row, column) hit by the axis. Row 0 is up (+z), columns run with +x.
    """

    shape: tuple[int, int]
    pixel_mm: float
    source_detector_mm: float
    center_rc: tuple[float, float]

    def project(self, points: Points) -> Points:
        """Detector (row, column) of points (n, 3) in front of the source; (n, 2) float64."""
        scale = self.source_detector_mm / points[:, 1] / self.pixel_mm
        return np.stack([self.center_rc[0] - points[:, 2] * scale, self.center_rc[1] + points[:, 0] * scale], axis=1)

    def magnification(self, y_mm: float) -> float:
        """Magnification on the detector of a plane ``y_mm`` from the source."""
        return self.source_detector_mm / y_mm

    def plane_coordinates(self, y_mm: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coordinates x (per column) and z (per row), in mm, at which rays cross the plane ``y_mm``."""
        step = self.pixel_mm / self.magnification(y_mm)
        x = (np.arange(self.shape[1]) - self.center_rc[1]) * step
        z = (self.center_rc[0] - np.arange(self.shape[0])) * step
        return x, z


def path_through(
    camera: Camera, mesh: Mesh, weights: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Length in mm of each pixel's ray inside a closed mesh; and the mean of a vertex weight over the surfaces hit.

    Each face adds its depth where the ray leaves the body and takes it off where the ray enters. A ray through an edge
    counts for exactly one of the two faces, since both test the edge with the same arithmetic.

    Parameters
    ----------
    camera
        Source and detector.
    mesh
        Closed surface in camera coordinates.
    weights
        One number a vertex (a density, say), or ``None``.

    Returns
    -------
    path_mm, mean_weight
        float32 (rows, columns) each; ``mean_weight`` is 0 where nothing is hit and ``None`` without weights.

    """
    rows, columns = camera.shape
    rc = camera.project(mesh.vertices)
    inverse_depth = 1.0 / mesh.vertices[:, 1]
    faces = mesh.faces
    corners = rc[faces]
    low = np.ceil(corners.min(axis=1)).astype(np.int64)
    high = np.floor(corners.max(axis=1)).astype(np.int64)
    np.clip(low, 0, None, out=low)
    high = np.minimum(high, np.array([rows - 1, columns - 1]))
    extent = high - low + 1
    hit = np.flatnonzero((extent > 0).all(axis=1))
    depth_sum = np.zeros(rows * columns)
    weight_sum = np.zeros(rows * columns) if weights is not None else None
    count = np.zeros(rows * columns) if weights is not None else None
    box = 2 ** np.ceil(np.log2(np.maximum(extent[hit].max(axis=1), 1))).astype(np.int64)
    for side in np.unique(box):
        members = hit[box == side]
        batch = max(1, _CELLS_PER_BATCH // int(side * side))
        offsets = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), axis=-1).reshape(-1, 2)
        for start in range(0, len(members), batch):
            chosen = members[start : start + batch]
            cells = low[chosen, None, :] + offsets[None]
            inside, bary, facing = _cover(rc, faces[chosen], cells)
            inside &= (cells <= high[chosen, None, :]).all(axis=2)
            which, cell = np.nonzero(inside)
            index = cells[which, cell, 0] * columns + cells[which, cell, 1]
            share = bary[which, cell]
            corner = faces[chosen[which]]
            depth = 1.0 / (share * inverse_depth[corner]).sum(axis=1)
            depth_sum += np.bincount(index, depth * facing[which], minlength=rows * columns)
            if weights is not None and weight_sum is not None and count is not None:
                weight_sum += np.bincount(index, (share * weights[corner]).sum(axis=1), minlength=rows * columns)
                count += np.bincount(index, minlength=rows * columns)
    r = (np.arange(rows) - camera.center_rc[0])[:, None] * camera.pixel_mm
    c = (np.arange(columns) - camera.center_rc[1])[None, :] * camera.pixel_mm
    obliquity = np.sqrt(1.0 + (r**2 + c**2) / camera.source_detector_mm**2)
    path = np.maximum(depth_sum.reshape(rows, columns) * obliquity, 0.0).astype(np.float32)
    if weight_sum is None or count is None:
        return path, None
    return path, (weight_sum / np.maximum(count, 1.0)).reshape(rows, columns).astype(np.float32)


def _cover(
    rc: Points, faces: NDArray[np.int64], cells: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    """Which cells each projected face covers, with barycentric shares, and +1 for faces seen from inside, else -1."""
    r, c = cells[..., 0], cells[..., 1]
    sides = []
    for first, second in ((1, 2), (2, 0), (0, 1)):
        a, b = faces[:, first], faces[:, second]
        lower, upper = np.minimum(a, b), np.maximum(a, b)
        p, q = rc[lower], rc[upper]
        edge = (q[:, None, 1] - p[:, None, 1]) * (r - p[:, None, 0]) - (q[:, None, 0] - p[:, None, 0]) * (
            c - p[:, None, 1]
        )
        forward = (a == lower)[:, None]
        # The canonical edge decides "left of"; a face that runs along it backwards takes exactly the rest.
        sides.append((np.where(forward, edge, -edge), np.where(forward, edge > 0, ~(edge > 0))))
    positive = sides[0][1] & sides[1][1] & sides[2][1]
    negative = ~sides[0][1] & ~sides[1][1] & ~sides[2][1]
    areas = np.stack([side[0] for side in sides], axis=-1)
    total = areas.sum(axis=-1)
    facing = np.where(total[:, 0] > 0, 1.0, -1.0)
    inside = np.where(total[:, :1] > 0, positive, negative) & (total != 0)
    return inside, areas / np.where(total == 0, 1.0, total)[..., None], facing


def path_through_volume(
    camera: Camera, fraction: NDArray[np.float32], origin: Points, voxel_mm: float
) -> NDArray[np.float32]:
    """Millimetres of full material along each ray through a voxel block.

    The block is summed along the ray to its centre (weak perspective: rays within a block of a few centimetres are
    parallel to within 3 degrees), then laid onto the detector.

    Parameters
    ----------
    camera
        Source and detector.
    fraction
        float32 (nx, ny, nz) in [0, 1], share of each voxel that is material; axes along the camera's x, y, z.
    origin
        Position of voxel (0, 0, 0)'s centre, mm.
    voxel_mm
        Side of a voxel.

    """
    nx, ny, nz = fraction.shape
    center = origin + 0.5 * voxel_mm * (np.array(fraction.shape) - 1)
    slope_x, slope_z = center[0] / center[1], center[2] / center[1]
    offsets = (np.arange(ny) - 0.5 * (ny - 1)) * voxel_mm
    # Slide each slice along the ray through the block's centre before summing.
    pad_x = int(np.ceil(abs(slope_x) * offsets[-1] / voxel_mm)) + 1
    pad_z = int(np.ceil(abs(slope_z) * offsets[-1] / voxel_mm)) + 1
    total = np.zeros((nx + 2 * pad_x, nz + 2 * pad_z), np.float32)
    for k, offset in enumerate(offsets):
        plane = fraction[:, k, :]
        if not plane.any():
            continue
        move = np.float32([[1, 0, pad_z - slope_z * offset / voxel_mm], [0, 1, pad_x - slope_x * offset / voxel_mm]])
        total += cv2.warpAffine(np.ascontiguousarray(plane), move, (total.shape[1], total.shape[0]))
    magnification = camera.magnification(float(center[1]))
    scale = camera.pixel_mm / magnification / voxel_mm  # voxels a pixel
    if scale > 1.0:
        total = cv2.GaussianBlur(total, (0, 0), 0.4 * scale)
    # Picture (row, column) -> block (x index, z index) at the centre's plane; z runs against the rows.
    x0 = -camera.center_rc[1] * scale + (0.0 - origin[0]) / voxel_mm + pad_x
    z0 = camera.center_rc[0] * scale + (0.0 - origin[2]) / voxel_mm + pad_z
    # cv2 coordinates are (x = second axis = z index, y = first axis = x index), from picture (column, row).
    inverse_map = np.float64([[0.0, -scale, z0], [scale, 0.0, x0]])
    length = float(np.sqrt(1.0 + slope_x**2 + slope_z**2)) * voxel_mm
    path: NDArray[np.float32] = cv2.warpAffine(
        total, inverse_map, (camera.shape[1], camera.shape[0]), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    return path * np.float32(length)
