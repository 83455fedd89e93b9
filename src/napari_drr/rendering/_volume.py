"""A subject's volume as a module: what is rendered, where it lies, what its labels are."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from napari_drr.geometry.pose import RigidTransform
from napari_drr.rendering._diagnosis import body_points
from napari_drr.rendering._structures import StructureTable
from napari_drr.volume.attenuation import BONE_HU

if TYPE_CHECKING:
    import pandas as pd
    import torchio as tio

Frame = Literal["iso", "world"]
Point = Sequence[float] | Tensor


class SubjectVolume(nn.Module):
    """Density and labels of a subject, and where they lie.

    Args:
        subject: What `read` returned.
        isocenter: Origin of the iso frame, in world mm; None for `subject.isocenter`.
        voxel_shift: 0.5 puts voxel centers at whole indices; 0 their corners.
        persistent: Whether `state_dict` holds density and mask.

    Raises:
        ValueError: If `isocenter` is no point.
    """

    density: Tensor
    mask: Tensor | None
    _affine: Tensor

    def __init__(
        self,
        subject: "tio.Subject",
        isocenter: Point | None,
        voxel_shift: float,
        persistent: bool,
    ) -> None:
        super().__init__()
        self.subject = _checked(subject)
        self._voxel_shift = voxel_shift
        self._table: StructureTable | None = None
        self._table_state: tuple[int, int] | None = None
        self._bone_mask: Tensor | None = None
        self._weighed: tuple[Tensor, tuple[float, int, int], Tensor] | None = None
        self._register_volume(persistent)
        self._set_geometry(isocenter)

    def _register_volume(self, persistent: bool) -> None:
        density = self.subject.density.data[0]
        density = density if density.is_floating_point() else density.float()
        self.register_buffer("density", _kernel_order(density), persistent=persistent)
        mask = self.subject.mask
        labels = None if mask is None else _kernel_order(mask.data[0])
        self.register_buffer("mask", labels, persistent=persistent)

    def _set_geometry(self, isocenter: Point | None) -> None:
        """Keep where the volume lies, in float64 whatever the module's dtype."""
        shift = torch.as_tensor(self.subject.isocenter, dtype=torch.float64).cpu()
        self._isocenter = shift if isocenter is None else _as_point(isocenter)
        affine = torch.as_tensor(_affine_of(self.subject), dtype=torch.float64).clone()
        affine[:3, 3] += shift - self._isocenter
        self._affine = affine[None].to(self._geometry_device)

    @property
    def isocenter(self) -> Float[Tensor, "3"]:
        """What poses turn about, in world mm; set it to move the C-arm's center."""
        return self._isocenter

    @isocenter.setter
    def isocenter(self, point: Point) -> None:
        self._set_geometry(point)

    def _apply(self, fn: Any, recurse: bool = True) -> "SubjectVolume":
        """Move density and mask; the geometry follows the device but stays float64."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call] # untyped in torch
        self._weighed = None
        self._affine = self._affine.to(self._geometry_device)
        return self

    @property
    def _geometry_device(self) -> torch.device:
        # Metal has no float64: there, geometry stays on the CPU.
        return torch.device("cpu") if self.device.type == "mps" else self.device

    @property
    def device(self) -> torch.device:
        """Where the volume lies."""
        return self.density.device

    @property
    def dtype(self) -> torch.dtype:
        """Of the volume and of the images."""
        return self.density.dtype

    @property
    def affine(self) -> RigidTransform:
        """From voxel indices (x, y, z) to iso mm, float64."""
        return RigidTransform(self._affine)

    @property
    def affine_inverse(self) -> RigidTransform:
        """From iso mm to voxel indices (x, y, z), float64."""
        return RigidTransform(torch.linalg.inv(self._affine))

    @property
    def structures(self) -> "pd.DataFrame | None":
        """The table of structures (id, structure, group), or None without labels."""
        table: pd.DataFrame | None = self.subject.structures
        return table

    @cached_property
    def _body(self) -> Tensor:
        return body_points(self.subject)

    @property
    def _structures(self) -> StructureTable:
        """What the labels hold; read again when the mask was moved, loaded or edited in place."""
        if torch.compiler.is_compiling() and self._table is not None:
            return self._table  # what it was when the graph was traced
        mask = self.mask
        # Tensors made in inference mode count no versions: they are read every time.
        countless = mask is not None and mask.is_inference()
        state = None if mask is None or countless else (mask.data_ptr(), mask._version)
        if self._table is None or countless or self._table_state != state:
            self._table, self._table_state = StructureTable(mask, self.structures), state
        return self._table

    def _read_structures(self) -> None:
        if self.mask is not None and self.structures is not None:
            self._table = self._structures

    def _voxel_from_iso(self) -> RigidTransform:
        """Return iso mm -> voxels as the kernels know them, with centers at whole indices."""
        matrix = torch.linalg.inv(self._affine)
        matrix[:, :3, 3] += self._voxel_shift - 0.5
        return RigidTransform(matrix)

    def _check_bone_weight(self, bone_weight: float | Tensor | None) -> None:
        """Raise if bone can't be weighed, or not by this."""
        if bone_weight is None:
            return
        if self.subject.attenuation != "physical":
            raise ValueError(
                "`bone_weight` needs physical attenuation, and this subject's is "
                f"{self.subject.attenuation!r}: read it with attenuation='physical', or use "
                "`bone_attenuation_multiplier`."
            )
        if not isinstance(bone_weight, Tensor) and bone_weight < 0:
            raise ValueError(f"`bone_weight` must be 0 or more, got {bone_weight}.")

    def _density(self, bone_weight: float | Tensor | None) -> Tensor:
        self._check_bone_weight(bone_weight)
        if bone_weight is None or (not isinstance(bone_weight, Tensor) and bone_weight == 1.0):
            return self.density
        if isinstance(bone_weight, Tensor) or self.density.requires_grad:
            return torch.where(self._bone, self.density * bone_weight, self.density)
        return self._weighed_density(float(bone_weight))

    def _weighed_density(self, bone_weight: float) -> Tensor:
        """Return the density with bone weighed; kept for the next pose."""
        density = self.density
        if density.is_inference():  # counts no versions
            return torch.where(self._bone, density * bone_weight, density)
        state = (bone_weight, density.data_ptr(), density._version)
        kept = self._weighed
        # The density is kept too, so that no other comes to lie where it does.
        if kept is None or kept[0] is not density or kept[1] != state:
            with torch.inference_mode(False):  # what is kept may be differentiated later
                kept = (density, state, torch.where(self._bone, density * bone_weight, density))
            self._weighed = kept
        return kept[2]

    @property
    def _bone(self) -> Tensor:
        """Where bone is, on the volume's device; made once per device."""
        if self._bone_mask is None or self._bone_mask.device != self.device:
            hounsfield = self.subject.volume.data[0]
            if hounsfield.shape != self.density.shape:
                raise ValueError(
                    "`bone_weight` needs HU on the density's grid: `subject.volume` is "
                    f"{tuple(hounsfield.shape)}, the density {tuple(self.density.shape)}."
                )
            with torch.inference_mode(False):  # what is kept may be differentiated later
                self._bone_mask = _kernel_order(hounsfield > BONE_HU).to(self.device)
        return self._bone_mask

    def _shift(self, frame: Frame) -> Tensor:
        if frame not in get_args(Frame):
            raise ValueError(f"`frame` must be 'iso' or 'world', got {frame!r}.")
        return self.isocenter if frame == "world" else torch.zeros(3, dtype=torch.float64)


def _checked(subject: "tio.Subject") -> "tio.Subject":
    """Return the subject, or raise if it is not one that `read` makes."""
    needed = ("volume", "density", "mask", "isocenter", "orientation")
    missing = [name for name in needed if not hasattr(subject, name)]
    if missing:
        raise TypeError(
            f"`subject` must come from `read`, got {type(subject).__name__} without "
            f"{', '.join(missing)}."
        )
    return subject


def _kernel_order(image: Tensor) -> Tensor:
    """Return (x, y, z) laid out in memory as kernels want it, x fastest, without need of a copy."""
    return image.permute(2, 1, 0).contiguous().permute(2, 1, 0)


def _affine_of(subject: "tio.Subject") -> Any:
    """Return iso from voxel of what is rendered.

    A density that a user put in place without an affine lies where the CT lies.
    """
    density, volume = subject.density, subject.volume
    bare = density.spatial_shape == volume.spatial_shape and (density.affine == np.eye(4)).all()
    return volume.affine if bare else density.affine


def _as_point(point: Point) -> Tensor:
    tensor = torch.as_tensor(point, dtype=torch.float64).detach().cpu()
    if tensor.shape != (3,) or not tensor.isfinite().all():
        raise ValueError(f"`isocenter` must be three finite numbers in mm, got {point}.")
    return tensor
