"""Rays as kernels take them: a few vectors per pose rather than two ends per ray.

A radiograph's rays leave one point and end on a grid of pixels, so seven vectors tell them all.
They take no memory that grows with the image, and their gradient is 21 numbers per pose.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from napari_drr.geometry.detector import DetectorPlane, check_pixels
from napari_drr.geometry.pose import RigidTransform
from napari_drr.geometry.products import multiply_vectors, transform_points

SOURCE, CENTER, COLUMN, ROW, CENTER_MM, COLUMN_MM, ROW_MM = range(7)
"""Which vector of `RayBundle.lines` is which."""


@dataclass(frozen=True)
class RayBundle:
    """Rays from a point per pose to the pixels of a detector.

    With c = column - (width - 1) / 2 and r = row - (height - 1) / 2, a ray leaves `source` (voxels)
    in the direction center + c column + r row (voxels), which ends at the pixel. The same sum of
    the vectors in mm has the ray's length.

    Args:
        lines: Source, center, column, row in voxels (x, y, z), then center, column, row in mm.
        shape: Height and width of the detector in pixels.
        pixels: Flat row-major indices, one list for all poses or one for each; None for all.
    """

    lines: Float[Tensor, "pose 7 3"]
    shape: tuple[int, int]
    pixels: Int[Tensor, " ray"] | Int[Tensor, "pose ray"] | None = None

    @property
    def n_poses(self) -> int:
        """Number of poses."""
        return len(self.lines)

    @property
    def n_rays(self) -> int:
        """Number of rays of each pose."""
        return self.shape[0] * self.shape[1] if self.pixels is None else self.pixels.shape[-1]

    def detach(self) -> "RayBundle":
        """Return the same rays, not differentiated in."""
        return RayBundle(self.lines.detach(), self.shape, self.pixels)

    def pose(self, index: int) -> "RayBundle":
        """Return the rays of one pose."""
        pixels = self.pixels
        if pixels is not None and pixels.ndim == 2:
            pixels = pixels[index]
        return RayBundle(self.lines[index][None], self.shape, pixels)

    def expand(
        self, start: int = 0, stop: int | None = None
    ) -> tuple[Float[Tensor, "ray 3"], Float[Tensor, "ray 3"], Float[Tensor, " ray"]]:
        """Return rays one by one, the poses' rays laid end to end.

        A ray's bits depend on that ray only.

        Args:
            start: The first ray.
            stop: The one after the last; None for all.

        Returns:
            Source and direction in voxels (x, y, z); length in mm.
        """
        n_rays, width = self.n_rays, self.shape[1]
        stop = self.n_poses * n_rays if stop is None else stop
        ray = torch.arange(start, stop, device=self.lines.device)
        pose = torch.div(ray, n_rays, rounding_mode="floor")
        pixel = ray % n_rays
        if self.pixels is not None:
            pixel = self.pixels[pixel] if self.pixels.ndim == 1 else self.pixels[pose, pixel]
        column = (pixel % width).to(self.lines)[:, None] - (width - 1) / 2
        row = torch.div(pixel, width, rounding_mode="floor").to(self.lines)[:, None]
        row = row - (self.shape[0] - 1) / 2
        source, *vectors = self.lines[pose].unbind(1)
        direction, way = (
            column * vectors[i + 1] + (row * vectors[i + 2] + vectors[i]) for i in (0, 3)
        )
        return source, direction, torch.sqrt((way * way).sum(-1))


def bundle_of_plane(
    voxel_from_iso: RigidTransform,
    plane: DetectorPlane,
    shape: tuple[int, int],
    pixels: Tensor | None = None,
) -> RayBundle:
    """Bring a posed detector from iso mm to voxels.

    Args:
        voxel_from_iso: From iso mm to voxel indices.
        plane: Where source and detector stand, in iso mm.
        shape: Height and width of the detector in pixels.
        pixels: Flat row-major indices of the pixels to render; None for all.

    Returns:
        The rays, in float64 where the device has it.
    """
    if pixels is not None:
        check_pixels(pixels, len(plane.source))
        pixels = pixels[0] if pixels.ndim == 2 and len(pixels) == 1 else pixels
        pixels = pixels.to(plane.source.device)
    source, *in_mm = plane
    matrix = voxel_from_iso.matrix.to(source)
    start = transform_points(matrix, source[:, None])[:, 0]
    in_voxels = [multiply_vectors(matrix[:, :3, :3], vector) for vector in in_mm]
    vectors = torch.broadcast_tensors(start, *in_voxels, *in_mm)  # type: ignore[no-untyped-call] # torch's
    return RayBundle(torch.stack(vectors, 1), shape, pixels)


def bundle_of_rays(
    voxel_from_iso: RigidTransform,
    source: Float[Tensor, "#batch #ray 3"],
    target: Float[Tensor, "batch ray 3"],
) -> RayBundle:
    """Take each ray, given in iso mm, for a pose with a single pixel."""
    way = (target - source).reshape(-1, 3)
    still = torch.zeros_like(way)
    plane = DetectorPlane(source.expand_as(target).reshape(-1, 3), way, still, still)
    return bundle_of_plane(voxel_from_iso, plane, (1, 1))
