"""What holds for every volume and pose."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_volumes import euler, make_volume

from napari_drr import DRR, Detector, RigidTransform, project, read
from napari_drr.rendering.kernels._rays import bundle_of_rays
from napari_drr.rendering.kernels._settings import RayLookup, RaySettings
from napari_drr.rendering.project import integrate_rays

RENDERERS = ["siddon", "trilinear"]
angles = st.floats(-3.1, 3.1)
poses = st.tuples(
    angles, angles, angles, st.floats(-20, 20), st.floats(60, 200), st.floats(-20, 20)
)
shapes = st.tuples(*[st.integers(1, 7)] * 3)
FEW = settings(max_examples=25, deadline=None)


def setting(shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    density = torch.rand(shape, generator=generator, dtype=torch.float64)
    matrix = torch.eye(4, dtype=torch.float64) / 3
    matrix[:3, 3] = (torch.tensor(shape) - 1) / 2
    matrix[3, 3] = 1.0
    return density, RigidTransform(matrix), Detector(250.0, (5, 6), (6.0, 5.0))


@FEW
@given(shape=shapes, numbers=poses, renderer=st.sampled_from(RENDERERS))
def test_linear_in_density(shape, numbers, renderer):
    density, transform, detector = setting(shape)
    other = setting(shape, seed=1)[0]
    pose = euler(numbers[:3], numbers[3:])
    render = lambda d: project(d, transform, pose, detector, renderer=renderer, n_points=20)  # noqa: E731
    torch.testing.assert_close(
        render(2.5 * density - other), 2.5 * render(density) - render(other), atol=1e-11, rtol=1e-9
    )


@FEW
@given(shape=shapes, numbers=poses, renderer=st.sampled_from(RENDERERS))
def test_a_reversed_ray_has_the_same_integral(shape, numbers, renderer):
    density, transform, detector = setting(shape)
    source, target = detector.rays(euler(numbers[:3], numbers[3:]))
    how = {"settings": RaySettings(renderer=renderer, n_points=20), "lookup": RayLookup()}
    source = source.expand_as(target)
    there = integrate_rays(density, bundle_of_rays(transform, source, target), **how)
    back = integrate_rays(density, bundle_of_rays(transform, target, source), **how)
    torch.testing.assert_close(there, back, atol=1e-9, rtol=1e-9)


@FEW
@given(shape=shapes, numbers=poses, renderer=st.sampled_from(RENDERERS))
def test_channels_sum_to_the_whole(shape, numbers, renderer):
    density, transform, detector = setting(shape)
    labels = (density * 5).long()
    pose = euler(numbers[:3], numbers[3:])
    how = {"renderer": renderer, "n_points": 20}
    whole = project(density, transform, pose, detector, **how)
    channels = project(
        density,
        transform,
        pose,
        detector,
        labels=labels,
        channel_of_label=torch.arange(5),
        n_channels=5,
        **how,
    )
    torch.testing.assert_close(channels.sum(1, keepdim=True), whole, atol=1e-12, rtol=1e-9)


@FEW
@given(shape=shapes, numbers=poses, renderer=st.sampled_from(RENDERERS))
def test_the_adjoint_is_the_gradient(shape, numbers, renderer):
    # <A d, w> = <d, A^T w>, with A^T w from autograd.
    density, transform, detector = setting(shape)
    pose = euler(numbers[:3], numbers[3:])
    density.requires_grad_()
    image = project(density, transform, pose, detector, renderer=renderer, n_points=20)
    weight = torch.linspace(-1, 1, image.numel(), dtype=torch.float64).reshape(image.shape)
    (adjoint,) = torch.autograd.grad((image * weight).sum(), density)
    torch.testing.assert_close((adjoint * density).sum(), (image * weight).sum())


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_batch_patch_and_budget_change_no_bit(renderer, dtype):
    volume, mask, table = make_volume()
    subject = read(volume, mask, structures=table)
    pose = euler([[0.1, 0.2, 0.3], [1.2, -0.4, 0.0], [0.0, 0.0, 0.0]], [[3.0, 300.0, 2.0]] * 3)
    how = {"renderer": renderer}
    whole = DRR(subject, 600.0, 15, 6.0, width=13, **how).to(dtype)(pose)
    for changed in ({"patch_size": 4}, {"memory_budget": 200_000}, {"patch_size": 1000}):
        drr = DRR(subject, 600.0, 15, 6.0, width=13, **how, **changed).to(dtype)
        assert torch.equal(drr(pose), whole)
        for index in range(3):
            alone = drr(RigidTransform(pose.matrix[index]))
            assert torch.equal(alone[0], whole[index])


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_change_no_bit(threads):
    volume, _, _ = make_volume()
    drr = DRR(read(volume), 600.0, 15, 6.0)
    pose = euler((0.1, 0.2, 0.3), (0.0, 300.0, 0.0))
    before = torch.get_num_threads()
    first = drr(pose)
    try:
        torch.set_num_threads(threads)
        assert torch.equal(drr(pose), first)
    finally:
        torch.set_num_threads(before)
