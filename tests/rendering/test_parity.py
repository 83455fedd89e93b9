"""The fused CPU kernels against the reference, which defines what is correct."""

import multiprocessing
import threading

import numpy as np
import pytest
import torch
from shared_volumes import euler, make_volume
from torch.autograd import gradcheck

from napari_drr import DRR, Detector, RigidTransform, project, read

RENDERERS = ["siddon", "trilinear"]
KINDS = ["sum", "max", "mip", "weights", "channels"]
# Fused kernels keep positions in float32, at most 64 voxels from where a run is counted from: half
# a bit of 64 is 4e-6 voxel, of the ends of a sum over some voxels, or of the segment of "max".
TOLERANCE = {"sum": 2e-6, "max": 1e-5}


def both(density, transform, pose, detector, kind, **how):
    """Render with both backends."""
    if kind in ("weights", "channels"):
        labels = (density * 1000).int() % 300
        how["labels"] = labels
        if kind == "weights":
            how["weight_of_label"] = torch.linspace(0, 2, 300, dtype=torch.float64)
        else:
            how |= {"channel_of_label": torch.arange(300) % 7 - 1, "n_channels": 6}
    else:
        how["reduction"] = kind
    return [
        project(density, transform, pose, detector, backend=backend, n_points=33, **how)
        for backend in ("cpu", "reference")
    ]


def grid(shape, spacing=(1.0, 1.0, 1.0), turn=(0.0, 0.0, 0.0)):
    """A random volume, and voxel from iso with the iso origin in its middle."""
    generator = torch.Generator().manual_seed(sum(shape))
    density = torch.rand(shape, generator=generator)
    iso_from_voxel = torch.diag(torch.tensor([*spacing, 1.0], dtype=torch.float64))
    middle = (torch.tensor(shape) - 1) / 2 * torch.tensor(spacing)
    iso_from_voxel[:3, 3] = -middle
    turned = euler(turn, (0.0, 0.0, 0.0)).matrix[0] @ iso_from_voxel
    return density, RigidTransform(torch.linalg.inv(turned))


def assert_same(images, kind="sum"):
    fused, reference = images
    scale = reference.abs().max().clamp_min(1e-3)
    assert fused.shape == reference.shape
    tolerance = TOLERANCE["max" if kind == "max" else "sum"]
    torch.testing.assert_close(fused / scale, reference / scale, atol=tolerance, rtol=0)


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "shape", [(17, 14, 11), (1, 9, 8), (9, 1, 8), (9, 8, 1), (1, 1, 1), (33, 2, 5)]
)
def test_odd_shapes(renderer, kind, shape):
    density, transform = grid(shape, (2.0, 1.5, 3.1), turn=(0.2, 0.1, -0.3))
    pose = euler([[0.3, 0.2, 0.1], [-1.2, 0.4, 2.0]], [[1.0, 90.0, 2.0]] * 2)
    detector = Detector(170.0, (13, 17), (4.1, 3.7), (1.3, -2.2))
    assert_same(both(density, transform, pose, detector, kind, renderer=renderer), kind)


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("distance", "sdd"),
    [(5.0, 100.0), (60.0, 60.0), (60.0, 40.0), (-60.0, 100.0), (60.0, -100.0), (60.0, 57.0)],
    ids=["inside", "detector inside", "short", "behind", "negative sdd", "at the face"],
)
def test_where_rays_begin_and_end(renderer, kind, distance, sdd):
    density, transform = grid((12, 11, 10))
    pose = euler((0.13, -0.07, 0.2), (0.3, distance, -0.4))
    detector = Detector(sdd, (11, 9), (3.1, 2.9))
    assert_same(both(density, transform, pose, detector, kind, renderer=renderer), kind)


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("quarter", range(4))
@pytest.mark.parametrize("tilt", [0.0, np.pi / 2])
def test_rays_on_voxel_planes(renderer, quarter, tilt):
    # Off the planes by a hundredth of a voxel: rays along them for all their length.
    density, transform = grid((8, 8, 8))
    shifted = RigidTransform(transform.matrix + 0.0)
    shifted.matrix[0, :3, 3] += 0.01
    pose = euler((quarter * np.pi / 2, tilt, 0.0), (0.0, 1e6, 0.0))
    detector = Detector(1e6 + 50, (8, 8), (1.0, 1.0))
    assert_same(both(density, shifted, pose, detector, "sum", renderer=renderer))


def test_a_diagonal_through_the_corners_of_voxels():
    # At 45 degrees two planes are crossed at once, and rounding could skip a voxel.
    density, transform = grid((16, 16, 16))
    for roll in np.linspace(0, 0.05, 7):
        pose = euler((np.pi / 4, 0.0, roll), (0.0, 1000.0, 0.0))
        detector = Detector(1050.0, (9, 9), (2**0.5 / 4,) * 2)
        fused, reference = both(density, transform, pose, detector, "sum")
        # A ray may run in a plane z = const all along, where rounding decides.
        rows = [0, 1, 2, 3, 5, 6, 7, 8] if roll == 0 else range(9)
        assert_same([fused[..., rows, :], reference[..., rows, :]])


def gradients_of(backend, renderer, kind, shape, distance, sdd):
    """Return the gradients in all that a render is differentiable in, by name."""
    density, transform = grid(shape, (2.0, 1.5, 3.1), turn=(0.2, 0.1, -0.3))
    pose = euler([[0.3, 0.2, 0.1], [-1.2, 0.4, 2.0]], [[1.0, distance, 2.0]] * 2)
    labels = (density * 1000).int() % 300
    inputs = {
        "density": density,
        "pose": pose.matrix.clone(),
        "transform": transform.matrix.clone(),
        "weights": torch.linspace(0.5, 2, 300, dtype=torch.float64),
        **{
            name: torch.tensor(number, dtype=torch.float64)
            for name, number in (("sdd", sdd), ("delx", 4.1), ("x0", 1.3))
        },
    }
    for tensor in inputs.values():
        tensor.requires_grad_()
    detector = Detector(inputs["sdd"], (13, 17), (inputs["delx"], 3.7), (inputs["x0"], -2.2))
    how = {}
    if kind != "sum":
        how = {"labels": labels, "weight_of_label": inputs["weights"]}
    if kind == "channels":
        how |= {"channel_of_label": torch.arange(300) % 7 - 1, "n_channels": 6}
    if kind in ("max", "mip"):
        how["reduction"] = kind
    image = project(
        inputs["density"],
        RigidTransform(inputs["transform"]),
        inputs["pose"],
        detector,
        backend=backend,
        n_points=33,
        renderer=renderer,
        **how,
    )
    weight = torch.rand(image.shape, generator=torch.Generator().manual_seed(1))
    (image * weight).sum().backward()
    return {
        name: torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
        for name, tensor in inputs.items()
    }


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("shape", "distance", "sdd"),
    [
        ((17, 14, 11), 90.0, 170.0),
        ((17, 14, 11), 5.0, 100.0),
        ((17, 14, 11), 60.0, 60.0),
        ((17, 14, 11), -60.0, 100.0),
        ((17, 14, 11), 60.0, -100.0),
        ((1, 9, 8), 90.0, 170.0),
        ((9, 1, 8), 90.0, 170.0),
        ((9, 8, 1), 90.0, 170.0),
        ((1, 1, 1), 90.0, 170.0),
        ((33, 21, 5), 90.0, 170.0),
    ],
)
def test_gradients_are_the_references(renderer, kind, shape, distance, sdd):
    fused, reference = (
        gradients_of(backend, renderer, kind, shape, distance, sdd)
        for backend in ("cpu", "reference")
    )
    for name, expected in reference.items():
        # Sums of some hundred float32 numbers of either sign, each good to 4e-6 (above).
        scale = expected.abs().max().clamp_min(1e-3)
        torch.testing.assert_close(
            fused[name] / scale, expected / scale, rtol=0, atol=1e-4, msg=lambda m, n=name: n + m
        )
    if distance > 0 and sdd > distance:
        assert reference["density"].abs().max() > 0


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("kind", ["sum", "max", "channels"])
def test_gradients_are_the_same_bits_on_any_number_of_threads(renderer, kind):
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(gradients_of("cpu", renderer, kind, (17, 14, 41), 90.0, 170.0))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(found[0][name], other[name]) for name in other)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
@pytest.mark.parametrize("renderer", RENDERERS)
def test_labels_of_any_integer_type(dtype, renderer):
    density, transform = grid((9, 8, 7))
    how = {
        "labels": (density * 5).to(dtype),
        "channel_of_label": torch.arange(5),
        "n_channels": 5,
        "renderer": renderer,
        "n_points": 20,
    }
    pose, detector = euler((0.3, 0.2, 0.1), (1.0, 40.0, 2.0)), Detector(90.0, (7, 8), (3.0, 3.0))
    assert_same(
        [
            project(density, transform, pose, detector, backend=b, **how)
            for b in ("cpu", "reference")
        ]
    )


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(40,), (2, 40)], ids=["shared", "a list for each pose"])
def test_sparse_pixels(renderer, kind, shape):
    density, transform = grid((17, 14, 11), (2.0, 1.5, 3.1), turn=(0.2, 0.1, -0.3))
    pose = euler([[0.3, 0.2, 0.1], [-1.2, 0.4, 2.0]], [[1.0, 90.0, 2.0]] * 2)
    detector = Detector(170.0, (13, 17), (4.1, 3.7))
    pixels = torch.randint(13 * 17, shape, generator=torch.Generator().manual_seed(0))
    sparse = both(density, transform, pose, detector, kind, renderer=renderer, pixels=pixels)
    assert_same(sparse, kind)
    full = both(density, transform, pose, detector, kind, renderer=renderer)[0].flatten(2)
    index = pixels.expand(2, 40)[:, None].expand(2, full.shape[1], 40)
    assert torch.equal(sparse[0], full.gather(2, index))


def test_gradients_can_be_differentiated_again():
    density, transform = grid((5, 4, 3))
    detector = Detector(60.0, (2, 3), (1.1, 1.3))
    matrix = euler((0.3, 0.2, 0.1), (0.0, 30.0, 0.0)).matrix.requires_grad_()

    def slope(backend):
        image = project(
            density, transform, matrix, detector, renderer="trilinear", n_points=9, backend=backend
        )
        (first,) = torch.autograd.grad(image.square().sum(), matrix, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), matrix)
        return second

    torch.testing.assert_close(slope("cpu"), slope("reference"), rtol=1e-4, atol=1e-4)


def test_double_precision_goes_to_the_reference():
    density, transform = grid((4, 3, 5))
    pose = euler((0.31, -0.22, 0.13), (0.11, 12.0, -0.17))
    detector = Detector(20.0, (2, 3), (1.7, 1.9))
    density = density.double().requires_grad_()
    assert gradcheck(lambda d: project(d, transform, pose, detector), (density,))
    with pytest.raises(ValueError, match="they take float32 volumes, and this one is float64"):
        project(density, transform, pose, detector, backend="cpu")


def test_the_backend_follows_the_module():
    volume, _, _ = make_volume()
    drr = DRR(read(volume), 600.0, 7, 6.0)
    assert drr.backend_in_use == "cpu"
    assert drr.double().backend_in_use == "reference"
    assert drr.float().backend_in_use == "cpu"


def test_renders_from_several_threads():
    volume, mask, table = make_volume()
    drr = DRR(read(volume, mask, structures=table), 600.0, 90, 1.5)
    poses = [euler((0.2 * i, 0.1, 0.0), (0.0, 300.0, 0.0)) for i in range(4)]
    expected = [drr(pose, mask_to_channels=True) for pose in poses]
    found = [None] * 4

    def render(index):
        for _ in range(5):
            found[index] = drr(poses[index], mask_to_channels=True)

    threads = [threading.Thread(target=render, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


class _Poses(torch.utils.data.Dataset):
    """A dataset that renders its items, as those who train networks on DRRs do."""

    def __init__(self, drr):
        self.drr = drr

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return self.drr(euler((0.2 * index, 0.1, 0.0), (0.0, 300.0, 0.0)))


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork"
)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_workers_render():
    volume, _, _ = make_volume()
    dataset = _Poses(DRR(read(volume), 600.0, 60, 2.0))
    expected = [dataset[index] for index in range(3)]  # the parent's pool has threads now
    loader = torch.utils.data.DataLoader(
        dataset, num_workers=1, multiprocessing_context="fork", timeout=60
    )
    assert all(torch.equal(a[0], b) for a, b in zip(loader, expected, strict=True))
