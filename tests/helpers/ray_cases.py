"""Renders as plain arguments, and how far fused kernels are from the reference in each."""

import torch

from napari_drr.rendering.kernels import reference
from napari_drr.rendering.kernels._rays import RayBundle
from napari_drr.rendering.kernels._settings import RayLookup, RaySettings

RENDERERS = ["siddon", "trilinear"]
OFFSET = torch.tensor([0.13, 0.21, -0.17], dtype=torch.float64)
MM = torch.tensor([1.3, 0.7, 2.0], dtype=torch.float64)


def random_lines(shape=(5, 4, 6), n_poses=1, distance=30.0, reach=2.1, pitch=1.1, seed=0):
    """Rays from all sides through the middle of a volume, in its voxels, which are not cubes."""
    generator = torch.Generator().manual_seed(seed)
    turns = torch.linalg.qr(torch.randn(n_poses, 3, 3, generator=generator).double()).Q
    # Off the very middle, where a ray may run through the edges of voxels and rounding decides.
    middle = (torch.tensor(shape).flip(0).double() - 1) / 2 + OFFSET
    column, row, way = turns.unbind(1)
    vectors = [reach * distance * way, pitch * column, 1.1 * pitch * row]
    return torch.stack([middle - distance * way, *vectors, *(v * MM for v in vectors)], 1)


def straight_lines(axis, shape, sign=1.0):
    """Rays whose central one runs along an axis, off the planes between voxels."""
    middle = (torch.tensor(shape).flip(0).double() - 1) / 2
    along, column, row = torch.eye(3).double().roll(-axis, 0)
    source = middle - sign * 40 * along + OFFSET
    vectors = [sign * 80 * along, column, 1.2 * row]
    return torch.stack([source, *vectors, *(v * MM for v in vectors)])[None]


def case(shape=(5, 4, 6), lines=None, **changes):
    """One render's arguments, those of `cuda.forward`."""
    generator = torch.Generator().manual_seed(sum(shape))
    labels = torch.randint(0, 7, shape, generator=generator)
    arguments = {
        "volume": torch.rand(shape, generator=generator),
        "lines": random_lines(shape) if lines is None else lines,
        "pixels": None,
        "shape": (3, 5),
        "labels": labels.to(torch.uint8),
        "channel_of_label": None,
        "weight_of_label": None,
        "n_channels": 1,
        "renderer": "siddon",
        "reduction": "sum",
        "n_points": 4,
    }
    assert changes.keys() <= arguments.keys()
    return arguments | changes


def _channels(n_labels=7, n_channels=3):
    channel = torch.arange(n_labels) % (n_channels + 1) - 1
    return {"channel_of_label": channel, "n_channels": n_channels}


def _weights(n_labels=7):
    return {"weight_of_label": torch.linspace(0.1, 2, n_labels).double()}


def _wide_labels(dtype, shape=(5, 4, 6)):
    return {"labels": (torch.arange(torch.Size(shape).numel()).reshape(shape) * 3).to(dtype)}


def _cases(renderer):
    thin = [(1, 5, 4), (4, 1, 5), (5, 4, 1), (1, 1, 1)]
    pixels = torch.tensor([14, 0, 7, 7])
    found = {
        "sum": case(),
        "max": case(reduction="max"),
        "mip": case(reduction="mip"),
        "weights": case(**_weights()),
        "weighted max": case(reduction="max", **_weights()),
        "weighted mip": case(reduction="mip", **_weights()),
        "channels": case(**_channels()),
        "weighted channels": case(**_channels(), **_weights()),
        "labels above 255": case(**_wide_labels(torch.int16), **_channels(400), **_weights(400)),
        "long labels": case(**_wide_labels(torch.int64), **_channels(400)),
        "one label": case(labels=torch.full((5, 4, 6), 2).int(), **_channels(), **_weights()),
        "several poses": case(lines=random_lines(n_poses=3), **_channels()),
        "several tiles": case((3, 2, 4)) | {"shape": (9, 10)},
        "several fixes": case((19, 4, 3), n_points=22),
        "two samples": case(n_points=2),
        "some miss": case(lines=random_lines(pitch=9.0)),
        "all miss": case(lines=random_lines() + 1000 * torch.eye(7)[0, :, None].double()),
        "source inside": case(lines=random_lines(distance=0.6, reach=20.0)),
        "source inside, max": case(lines=random_lines(distance=0.6, reach=20.0), reduction="max"),
        "detector inside": case(lines=random_lines(reach=1.01, pitch=0.4)),
        "detector inside, max": case(lines=random_lines(reach=1.01, pitch=0.4), reduction="max"),
        "both inside": case(lines=random_lines(distance=1.0, pitch=0.2)),
        "short": case(lines=random_lines(reach=0.5)),
        "source away": case(lines=random_lines(distance=1e5, reach=1.001)),
        "of no length": case(lines=random_lines(pitch=0.0, reach=0.0)),
        "listed pixels": case(pixels=pixels),
        "a list per pose": case(
            lines=random_lines(n_poses=2), pixels=torch.stack([pixels, pixels.flip(0)])
        ),
        "a ray per pose": case(lines=random_lines(n_poses=70), **_weights()) | {"shape": (1, 1)},
        "a pixel per pose": case(
            lines=random_lines(n_poses=2), pixels=torch.tensor([[3], [9]]), reduction="max"
        ),
        "the same pixel": case(pixels=torch.tensor([11]), reduction="mip"),
        "no pixels": case(pixels=pixels[:0], **_weights()),
        "no poses": case(lines=random_lines()[:0], **_weights()),
    }
    found |= {f"thin {shape}": case(shape, **_weights()) for shape in thin}
    found |= {
        f"along {sign * (axis + 1):+.0f}": case(
            lines=straight_lines(axis, (5, 4, 6), sign), **_channels()
        )
        for axis in range(3)
        for sign in (1.0, -1.0)
    }
    return {f"{renderer}: {name}": c | {"renderer": renderer} for name, c in found.items()}


CASES = {name: c for renderer in RENDERERS for name, c in _cases(renderer).items()}


def reference_forward(volume, lines, pixels, shape, labels, channels, weights, n_channels, *how):
    """Render with the reference, to a float64 image."""
    rays = RayBundle(lines, shape, pixels)
    if not rays.n_poses * rays.n_rays:
        return volume.double().sum() * torch.zeros(rays.n_poses, n_channels, rays.n_rays)
    lookup = RayLookup(labels, channels, weights, n_channels)
    return reference.integrate_in_chunks(volume.double(), rays, RaySettings(*how), lookup)


def reference_backward(grad, arguments):
    """Return the reference's gradients in volume, lines and weights, or None without weights."""
    names = ["volume", "lines", "weight_of_label"]
    inputs = {n: arguments[n].double().requires_grad_() for n in names if arguments[n] is not None}
    image = reference_forward(*(arguments | inputs).values())
    found = torch.autograd.grad(
        image, list(inputs.values()), grad.double(), allow_unused=True, materialize_grads=True
    )
    return (*found, None)[:3]


def compare(kernels, arguments, device="cpu"):
    """Return the largest errors of image and gradients, relative to each one's largest number."""
    moved = {n: v.to(device) if torch.is_tensor(v) else v for n, v in arguments.items()}
    expected = reference_forward(*arguments.values())
    found = kernels.forward(*moved.values())
    assert found.dtype == torch.float32
    assert found.is_contiguous()
    grad = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1))
    wanted = (True, True, arguments["weight_of_label"] is not None)
    gradients = kernels.backward(grad.to(device), *moved.values(), wanted)
    errors = [_error(found, expected)]
    for ours, theirs in zip(gradients, reference_backward(grad, arguments), strict=True):
        errors.append(0.0 if theirs is None else _error(ours, theirs))
    return errors


def _error(found, expected):
    assert found.shape == expected.shape
    assert found.isfinite().all()
    if not expected.numel() or not expected.isfinite().all():  # a ray of no length
        return 0.0
    scale = expected.abs().max().clamp_min(1e-6)
    return ((found.cpu() - expected).abs().max() / scale).item()
