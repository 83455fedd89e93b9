"""What is skipped must be empty, and what changes must be seen."""

import pytest
import torch
from shared_volumes import POSES, euler, make_volume

from napari_drr import DRR, Detector, RigidTransform, project, read
from napari_drr.rendering.kernels import _skipping

RENDERERS = ["siddon", "trilinear"]
SHAPE = (37, 29, 26)  # several bricks along each axis, the last ones cut off


def transform_of(shape):
    matrix = torch.eye(4, dtype=torch.float64)
    matrix[:3, 3] = (torch.tensor(shape) - 1) / 2
    return RigidTransform(matrix)


def poses():
    angles = [[0.0, 0.0, 0.0], [1.57, 0.02, 0.0], [-0.7, 0.4, 0.2], [0.3, 1.5, 0.1]]
    return euler(angles, [[0.7, 90.0, 0.3]] * len(angles))


def render(density, backend, **how):
    detector = Detector(180.0, (31, 33), (2.3, 2.1))
    return project(
        density, transform_of(SHAPE), poses(), detector, backend=backend, n_points=77, **how
    )


def specks(seed, count):
    """A volume that is empty but for a few voxels, many of them at the corners of bricks."""
    generator = torch.Generator().manual_seed(seed)
    density = torch.zeros(SHAPE)
    for _ in range(count):
        place = [int(torch.randint(n, (), generator=generator)) for n in SHAPE]
        if torch.rand((), generator=generator) < 0.7:
            corner = [p // 8 * 8 + (7 if p % 2 else 0) for p in place]
            place = [min(p, n - 1) for p, n in zip(corner, SHAPE, strict=True)]
        density[tuple(place)] = 1.0
    return density


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("reduction", ["sum", "max", "mip"])
@pytest.mark.parametrize("seed", range(4))
def test_specks_are_not_skipped(renderer, reduction, seed):
    density = specks(seed, 1 + 3 * seed)
    fused, reference = (
        render(density, backend, renderer=renderer, reduction=reduction)
        for backend in ("cpu", "reference")
    )
    assert reference.max() > 0
    # As in test_parity: half a bit of 64 voxels, here of one voxel's length.
    torch.testing.assert_close(fused, reference, atol=1e-5, rtol=0)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_specks_of_chosen_structures_are_not_skipped(renderer):
    generator = torch.Generator().manual_seed(0)
    density = torch.rand(SHAPE, generator=generator)
    labels = torch.zeros(SHAPE, dtype=torch.int16)
    labels[8, 7, 16], labels[15, 15, 15:18], labels[0, 28, 25] = 300, 301, 77
    channel = torch.full((302,), -1)
    channel[300], channel[301], channel[77] = 0, 1, 0
    weight = torch.zeros(302, dtype=torch.float64)
    weight[[300, 301]] = torch.tensor([2.0, 0.5], dtype=torch.float64)
    for how in ({"channel_of_label": channel, "n_channels": 2}, {"weight_of_label": weight}):
        fused, reference = (
            render(density, backend, renderer=renderer, labels=labels, **how)
            for backend in ("cpu", "reference")
        )
        assert (reference.flatten(2).amax(-1) > 0).any(0).all()
        torch.testing.assert_close(fused, reference, atol=1e-5, rtol=0)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_gradients_of_a_hidden_structures_weight(renderer):
    # Hidden: its bricks add nothing to the image, and still to the gradient in its weight.
    generator = torch.Generator().manual_seed(0)
    density = torch.rand(SHAPE, generator=generator)
    labels = torch.zeros(SHAPE, dtype=torch.uint8)
    labels[20:30] = 1
    gradients = []
    for backend in ("cpu", "reference"):
        weight = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
        image = render(density, backend, renderer=renderer, labels=labels, weight_of_label=weight)
        image.sum().backward()
        gradients.append(weight.grad)
    assert gradients[1][1] > 0
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=0)


def test_an_empty_volume_is_an_empty_image():
    density = torch.zeros(SHAPE, requires_grad=True)
    matrix = poses().matrix.clone().requires_grad_()
    detector = Detector(180.0, (5, 6), (2.3, 2.1))
    image = project(density, transform_of(SHAPE), matrix, detector, backend="cpu")
    image.sum().backward()
    assert not image.any()
    assert not matrix.grad.any()
    # Every voxel that a ray meets would add to the image.
    assert (density.grad > 0).float().mean() > 0.01


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize(
    "edit",
    [
        lambda density: density[3].fill_(1.0),
        lambda density: density.copy_(torch.ones(SHAPE)),
        lambda density: density.mul_(0.0).add_(0.5),
    ],
    ids=["slice", "copy", "arithmetic"],
)
def test_a_change_in_place_is_seen(renderer, edit):
    density = specks(0, 2)
    render(density, "cpu", renderer=renderer)
    edit(density)
    expected = render(density.clone(), "cpu", renderer=renderer)
    assert torch.equal(render(density, "cpu", renderer=renderer), expected)


def test_labels_changed_in_place_are_seen():
    volume, mask, table = make_volume(shape=SHAPE)
    drr = DRR(read(volume, mask, structures=table), 600.0, 20, 5.0)
    pose = euler(*POSES["oblique"])
    drr.channels(pose, structures=["a"])
    drr.mask.fill_(1)
    image, _ = drr.channels(pose, structures=["a"])
    torch.testing.assert_close(image, drr(pose), rtol=1e-6, atol=1e-5)


def test_another_volume_at_the_same_place_is_seen():
    # Memory that was freed is given to the next volume of that size.
    for seed in range(20):
        density = specks(seed, 1)
        fused, expected = render(density, "cpu"), render(density, "reference")
        torch.testing.assert_close(fused, expected, atol=1e-5, rtol=0)
        del density


def test_volumes_of_inference_mode_are_looked_at_every_time():
    with torch.inference_mode():
        density = specks(0, 2)
        render(density, "cpu")
        density[5:9].fill_(1.0)
        image = render(density, "cpu")
    torch.testing.assert_close(image, render(density.clone(), "reference"), atol=1e-5, rtol=0)


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize(
    "edit",
    [
        lambda density: density.data.fill_(1.0),
        lambda density: density.numpy().__setitem__(slice(8, 24), 1.0),
    ],
    ids=["data", "numpy"],
)
def test_a_change_that_torch_does_not_see_is_found(renderer, edit):
    density = specks(0, 2)
    render(density, "cpu", renderer=renderer)
    edit(density)
    expected = render(density.clone(), "cpu", renderer=renderer)
    assert torch.equal(render(density, "cpu", renderer=renderer), expected)


def test_a_single_voxel_that_torch_does_not_see_is_found_in_time():
    density = torch.zeros(SHAPE)
    render(density, "cpu")
    density.data[20, 13, 12] = 1.0
    # There are 512 voxels in a brick, of which every fourth is looked at in turns.
    assert any(render(density, "cpu").any() for _ in range(4 * 512))


def test_forget_sees_what_torch_does_not():
    density = specks(0, 2)
    render(density, "cpu")
    density.data[20, 13, 12] = 1.0
    _skipping.forget()
    assert torch.equal(render(density, "cpu"), render(density.clone(), "cpu"))
