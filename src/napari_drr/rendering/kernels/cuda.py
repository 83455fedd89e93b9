"""The fused kernels for NVIDIA GPUs, in Triton: float32 volumes, named reductions.

They compute what `reference.py` defines, in a forward and a backward pass that keep nothing per ray
and sample: the backward pass walks the rays again. Forward results, and gradients in poses and
weights, are the same bits every time; gradients in the volume are not, since rays that meet in a
voxel add to it in any order.

Triton comes with torch's CUDA wheels and is imported when the first CUDA tensor arrives. Without a
GPU its interpreter runs the same kernels on CPU tensors, slowly, for tests: set
`TRITON_INTERPRET=1` before the process starts.
"""

import warnings
from contextlib import nullcontext
from dataclasses import dataclass, replace
from importlib import import_module
from math import ceil
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from napari_drr.rendering.kernels._cuda_support import reason_not_to_serve as reason_not_to_serve

# A program's rays: a square of pixels rather than a row meets fewer cache lines.
TILE_HEIGHT = TILE_WIDTH = 8
LANES_PER_WARP = 32

# The weights' gradient renders labels as channels: so many pixels at once, 16 bytes each.
NUMBERS_AT_ONCE = 2**23

_MODES = {"sum": 0, "max": 1, "mip": 2, "channels": 3}


@dataclass(frozen=True)
class _Render:
    """A render's arguments as kernels take them."""

    volume: Float[Tensor, "z y x"]
    lines: Float[Tensor, "pose 7 3"]
    pixels: Int[Tensor, " ray"] | Int[Tensor, "pose ray"] | None
    shape: tuple[int, int]
    labels: Int[Tensor, "z y x"] | None
    channel_of_label: Int[Tensor, " label"] | None
    weight_of_label: Float[Tensor, " label"] | None
    n_channels: int
    renderer: str
    reduction: str
    n_points: int

    @property
    def n_rays(self) -> int:
        return self.shape[0] * self.shape[1] if self.pixels is None else self.pixels.shape[-1]

    @property
    def mode(self) -> str:
        return self.reduction if self.channel_of_label is None else "channels"

    @property
    def is_labelled(self) -> bool:
        return self.channel_of_label is not None or self.weight_of_label is not None

    @property
    def lanes_are_poses(self) -> bool:
        """Whether each pose has one ray only: then a program takes many poses."""
        return self.n_rays == 1

    @property
    def n_blocks(self) -> int:
        """How many programs a pose takes; with a ray per pose, how many all poses take."""
        tile = TILE_HEIGHT * TILE_WIDTH
        if self.lanes_are_poses:
            return ceil(len(self.lines) / tile)
        if self.pixels is not None:
            return ceil(self.n_rays / tile)
        return ceil(self.shape[0] / TILE_HEIGHT) * ceil(self.shape[1] / TILE_WIDTH)

    @property
    def n_programs(self) -> int:
        return self.n_blocks * (1 if self.lanes_are_poses else len(self.lines))

    @property
    def samples_per_fix(self) -> int:
        """After how many samples a position is computed anew in float64 (trilinear)."""
        if self.is_labelled:
            return 1
        longest_step = (max(self.volume.shape) + 1) / self.n_points
        # Beyond 16 voxels from a fix, float32 positions are coarser than a millionth of a voxel.
        return next(n for n in (16, 8, 4, 2, 1) if n * longest_step <= 16 or n == 1)

    def tensors(self) -> tuple[Tensor, ...]:
        """Return the kernels' pointers; what a render does not need is never read."""
        unused = self.volume
        labels, channels, weights = self.labels, self.channel_of_label, self.weight_of_label
        return (
            self.volume.contiguous(),
            self.lines.contiguous(),
            unused if self.pixels is None else self.pixels.contiguous(),
            unused if labels is None or not self.is_labelled else labels.contiguous(),
            unused if channels is None else channels.to(torch.int32).contiguous(),
            unused if weights is None else weights.to(torch.float32).contiguous(),
        )

    def numbers(self) -> tuple[int, ...]:
        """Return the kernels' integers."""
        pixel_stride = 0 if self.pixels is None or self.pixels.ndim == 1 else self.n_rays
        return (
            len(self.lines),
            self.n_rays,
            self.n_blocks,
            self.n_channels,
            *self.shape,
            *reversed(self.volume.shape),
            pixel_stride,
            self.n_points,
        )

    def flags(self) -> dict[str, Any]:
        """Return what kernels are compiled for."""
        flags = {
            "MODE": _MODES[self.mode],
            "WEIGHED": self.weight_of_label is not None,
            "HAS_PIXELS": self.pixels is not None,
            "LANES_ARE_POSES": self.lanes_are_poses,
            "WIDE": self.volume.numel() >= 2**31,
            "TILE_HEIGHT": TILE_HEIGHT,
            "TILE_WIDTH": TILE_WIDTH,
        }
        return flags | ({"FIX": self.samples_per_fix} if self.renderer == "trilinear" else {})

    def launch(self, which: str, *outputs: Tensor, **flags: bool) -> None:
        """Run one of the renderer's kernels on all rays."""
        kernel = _kernel(self.renderer, which)
        device = self.volume.device
        with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
            kernel[(self.n_programs,)](
                *outputs,
                *self.tensors(),
                *self.numbers(),
                **self.flags(),
                **flags,
                num_warps=TILE_HEIGHT * TILE_WIDTH // LANES_PER_WARP,
                enable_fp_fusion=False,
            )


def _kernel(renderer: str, which: str) -> Any:
    """Import a kernel, and with it Triton."""
    module = import_module(f"{__package__}._triton.{renderer}_{which}")
    return getattr(module, f"{renderer}_{which}")


def forward(
    volume: Float[Tensor, "z y x"],
    lines: Float[Tensor, "pose 7 3"],
    pixels: Int[Tensor, " ray"] | Int[Tensor, "pose ray"] | None,
    shape: tuple[int, int],
    labels: Int[Tensor, "z y x"] | None,
    channel_of_label: Int[Tensor, " label"] | None,
    weight_of_label: Float[Tensor, " label"] | None,
    n_channels: int,
    renderer: str,
    reduction: str,
    n_points: int,
) -> Float[Tensor, "pose channel ray"]:
    """Integrate a volume along rays.

    Args:
        volume: Attenuation at voxel centers.
        lines: The rays of each pose in float64, see `RayBundle`.
        pixels: Flat row-major indices, one list for all poses or one for each; None for all.
        shape: Height and width of the detector in pixels.
        labels: The label of each voxel, of any integer dtype.
        channel_of_label: The channel of every label; a negative one drops it.
        weight_of_label: A factor for every label.
        n_channels: Number of channels.
        renderer: `"siddon"` or `"trilinear"`.
        reduction: `"sum"`, `"max"` or `"mip"`.
        n_points: Samples per ray (trilinear).

    Returns:
        One number per pose, channel and ray; the same bits every time.
    """
    return _forward(
        _Render(
            volume,
            lines,
            pixels,
            shape,
            labels,
            channel_of_label,
            weight_of_label,
            n_channels,
            renderer,
            reduction,
            n_points,
        )
    )


def _forward(render: _Render) -> Float[Tensor, "pose channel ray"]:
    out = render.volume.new_zeros(len(render.lines), render.n_channels, render.n_rays)
    if out.numel():
        render.launch("forward", out)
    return out


def backward(
    grad: Float[Tensor, "pose channel ray"],
    volume: Float[Tensor, "z y x"],
    lines: Float[Tensor, "pose 7 3"],
    pixels: Int[Tensor, " ray"] | Int[Tensor, "pose ray"] | None,
    shape: tuple[int, int],
    labels: Int[Tensor, "z y x"] | None,
    channel_of_label: Int[Tensor, " label"] | None,
    weight_of_label: Float[Tensor, " label"] | None,
    n_channels: int,
    renderer: str,
    reduction: str,
    n_points: int,
    wanted: tuple[bool, bool, bool],
) -> tuple[
    Float[Tensor, "z y x"] | None, Float[Tensor, "pose 7 3"] | None, Float[Tensor, " label"] | None
]:
    """Return the gradients in `volume`, `lines` and `weight_of_label`.

    Args:
        grad: The gradient in what `forward` returned for the other arguments.
        volume: See `forward`.
        lines: See `forward`.
        pixels: See `forward`.
        shape: See `forward`.
        labels: See `forward`.
        channel_of_label: See `forward`.
        weight_of_label: See `forward`.
        n_channels: See `forward`.
        renderer: See `forward`.
        reduction: See `forward`.
        n_points: See `forward`.
        wanted: Which of the three gradients to compute.

    Returns:
        Each gradient in the dtype of its tensor, or None. Of a largest value, the first sample that
        has it is what counts.

    Raises:
        RuntimeError: If the volume's gradient is wanted and only deterministic algorithms are
            allowed.
    """
    render = _Render(
        volume,
        lines,
        pixels,
        shape,
        labels,
        channel_of_label,
        weight_of_label,
        n_channels,
        renderer,
        reduction,
        n_points,
    )
    want_volume, want_lines, want_weights = wanted
    if want_volume:
        _check_determinism()
    if render.mode in ("sum", "channels"):
        per_volume, per_lines = _backward_sum(grad, render, want_volume, want_lines)
        return per_volume, per_lines, _weights_of_sum(grad, render) if want_weights else None
    return _backward_largest(grad, render, want_volume, want_lines, want_weights)


def _check_determinism() -> None:
    """Raise, or warn, where torch is told to: atomic additions come in any order."""
    if not torch.are_deterministic_algorithms_enabled():
        return
    message = (
        "The CUDA kernels' gradient in the volume is not deterministic. Use `backend='reference'`, "
        "or allow it with `torch.use_deterministic_algorithms(False)`."
    )
    if not torch.is_deterministic_algorithms_warn_only_enabled():
        raise RuntimeError(message)
    warnings.warn(message, stacklevel=3)


def _outputs(render: _Render, want_volume: bool) -> tuple[Tensor, Tensor]:
    """Return where kernels add the volume's gradient, and write their programs' parts of lines'."""
    shape = render.volume.shape if want_volume else (1,)
    # With a ray per pose, each ray has its own part, else each program.
    n_parts = len(render.lines) if render.lanes_are_poses else render.n_programs
    return render.volume.new_zeros(shape), render.lines.new_zeros(n_parts, 7, 3)


def _add_parts(parts: Tensor, render: _Render) -> Float[Tensor, "pose 7 3"]:
    parts_of_pose = 1 if render.lanes_are_poses else render.n_blocks
    return parts.reshape(len(render.lines), parts_of_pose, 7, 3).sum(1)


def _backward_sum(
    grad: Tensor, render: _Render, want_volume: bool, want_lines: bool
) -> tuple[Tensor | None, Tensor | None]:
    per_volume, parts = _outputs(render, want_volume)
    if grad.numel() and (want_volume or want_lines):
        render.launch(
            "backward_sum",
            per_volume,
            parts,
            grad.to(torch.float32).contiguous(),
            WANT_VOLUME=want_volume,
            WANT_LINES=want_lines,
        )
    return per_volume if want_volume else None, _add_parts(parts, render) if want_lines else None


def _backward_largest(
    grad: Tensor, render: _Render, want_volume: bool, want_lines: bool, want_weights: bool
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    per_volume, parts = _outputs(render, want_volume)
    shape = (len(render.lines), render.n_rays) if want_weights else (1,)
    label = torch.zeros(shape, dtype=torch.int32, device=grad.device)
    amount = grad.new_zeros(shape)
    # Siddon's voxels have one value all along: where a ray runs in the largest changes nothing.
    moves = want_lines and not (render.renderer == "siddon" and render.mode == "mip")
    if grad.numel():
        render.launch(
            "backward_largest",
            per_volume,
            parts,
            label,
            amount,
            grad.to(torch.float32).contiguous(),
            WANT_VOLUME=want_volume,
            WANT_LINES=moves,
            WANT_WEIGHTS=want_weights,
        )
    per_weight = None
    if want_weights and render.weight_of_label is not None:
        per_weight = torch.zeros_like(render.weight_of_label)
        # Of the ways to add up by index, the one that does so in the same order every time.
        index = (label.long().reshape(-1),)
        per_weight.index_put_(index, amount.to(per_weight).reshape(-1), accumulate=True)
    per_lines = _add_parts(parts, render) if want_lines else None
    return per_volume if want_volume else None, per_lines, per_weight


def _weights_of_sum(grad: Tensor, render: _Render) -> Float[Tensor, " label"] | None:
    """Return the gradient in the weights: each label's own integral times the gradient there.

    The labels are rendered as channels, some poses and labels at a time.
    """
    weights, channels = render.weight_of_label, render.channel_of_label
    if weights is None:
        return None
    per_weight = torch.zeros_like(weights)
    label = torch.arange(len(weights), device=weights.device)
    images = max(1, NUMBERS_AT_ONCE // max(1, render.n_rays))
    n_labels = min(len(weights), images)
    n_poses = max(1, images // max(1, n_labels))
    for first_pose in range(0, len(render.lines), n_poses):
        poses = slice(first_pose, first_pose + n_poses)
        pixels = render.pixels
        part = replace(
            render,
            lines=render.lines[poses],
            pixels=pixels[poses] if pixels is not None and pixels.ndim == 2 else pixels,
            weight_of_label=None,
        )
        for low in range(0, len(weights), n_labels):
            high = min(low + n_labels, len(weights))
            inside = (label >= low) & (label < high)
            if channels is not None:
                inside &= channels >= 0
            own = torch.where(inside, label - low, -1)
            own_image = _forward(replace(part, channel_of_label=own, n_channels=high - low))
            channel = torch.zeros_like(label) if channels is None else channels.clamp_min(0)
            pulled = grad[poses].index_select(1, channel[low:high])
            per_weight[low:high] += (own_image.double() * pulled.double()).sum((0, 2)).to(weights)
    return per_weight
