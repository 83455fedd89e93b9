"""The operators that torch knows: what its own checks and its compiler say of them."""

import pytest
import torch
from shared_volumes import POSES, euler, make_volume

from napari_drr import DRR, read
from napari_drr.rendering.kernels import _ops
from napari_drr.rendering.kernels._rays import bundle_of_plane
from napari_drr.rendering.kernels._settings import RayLookup, RaySettings
from napari_drr.rendering.kernels._threads import run_units

RENDERERS = ["siddon", "trilinear"]


@pytest.fixture(scope="module")
def subject():
    volume, mask, table = make_volume(shape=(9, 8, 7))
    return read(volume, mask, structures=table)


def operator_inputs(subject, renderer, reduction, labelled):
    """Return what the forward operator takes, differentiable where it can be."""
    drr = DRR(subject, 600.0, 5, 8.0)
    rays = bundle_of_plane(
        drr._voxel_from_iso(), drr.detector.plane(euler(*POSES["oblique"])), drr.detector.shape
    )
    volume, labels = (t.permute(2, 1, 0).contiguous() for t in (drr.density, drr.mask))
    weights = torch.linspace(0.5, 2, 5, dtype=torch.float64).requires_grad_()
    tables = (labels, torch.arange(5), weights, 5) if labelled else (None, None, None, 1)
    volume.requires_grad_()
    lines = rays.lines.detach().requires_grad_()
    return (volume, lines, None, *rays.shape, *tables, renderer, reduction, 21, "cpu")


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize(
    ("reduction", "labelled"), [("sum", False), ("sum", True), ("max", False), ("mip", False)]
)
def test_opcheck_forward(subject, renderer, reduction, labelled):
    torch.library.opcheck(_ops._integrate, operator_inputs(subject, renderer, reduction, labelled))


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("wanted", [(True, True, False), (False, True, False)])
def test_opcheck_backward(subject, renderer, wanted):
    volume, lines, pixels, *shape = operator_inputs(subject, renderer, "sum", False)[:5]
    gradient = torch.linspace(-1, 1, 25).reshape(1, 1, 25).requires_grad_()
    settings = (1, renderer, "sum", 21, "cpu", *wanted)
    torch.library.opcheck(
        _ops._integrate_backward,
        (gradient, volume, lines, None, pixels, *shape, None, None, *settings),
    )


def compiled(function):
    # Without a C compiler: what is traced is what is asked here, not what inductor makes of it.
    return torch.compile(function, fullgraph=True, backend="aot_eager")


@pytest.mark.parametrize("renderer", RENDERERS)
def test_compiles_without_a_break(subject, renderer):
    drr = DRR(subject, 600.0, 5, 8.0, renderer=renderer)

    def render(rotation, translation):
        return drr(rotation, translation, parameterization="euler_angles", convention="ZXY")

    gradients = []
    rotation, translation = (torch.tensor([numbers]) for numbers in POSES["oblique"])
    for function in (render, compiled(render)):
        angles = rotation.clone().requires_grad_()
        image = function(angles, translation)
        image.square().sum().backward()
        gradients.append((image.detach(), angles.grad))
    for eager, traced in zip(*gradients, strict=True):
        assert torch.equal(eager, traced)


@pytest.mark.parametrize(
    "call",
    [
        lambda drr, pose: drr(pose, weights={"a": 0.5, "y": 2.0}),
        lambda drr, pose: drr(pose, mask_to_channels=True),
        lambda drr, pose: drr.channels(pose, structures=["a", 3])[0],
    ],
    ids=["weights", "dense channels", "named channels"],
)
def test_structures_compile_without_a_break(subject, call):
    drr, pose = DRR(subject, 600.0, 5, 8.0), euler(*POSES["oblique"])
    traced = compiled(lambda matrix: call(drr, type(pose)(matrix)))(pose.matrix)
    assert torch.equal(traced, call(DRR(subject, 600.0, 5, 8.0), pose))


def test_progress_counts_all_rays_and_can_end_the_render(subject):
    drr, pose = DRR(subject, 600.0, 70, 1.0), euler(*POSES["oblique"])
    told = []
    image = drr(pose, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (4900, 4900)
    assert [done for done, _ in told] == sorted(done for done, _ in told)

    def stop(done, total):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        drr(pose, progress=stop)
    assert torch.equal(drr(pose), image)


def test_progress_keeps_gradients(subject):
    drr, pose = DRR(subject, 600.0, 7, 6.0), euler(*POSES["oblique"])
    pose.matrix.requires_grad_()
    drr(pose, progress=lambda done, total: None).sum().backward()
    assert pose.matrix.grad.abs().max() > 0


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_what_a_unit_raises_ends_the_run(threads):
    before, seen = torch.get_num_threads(), []

    def kernel(unit):
        seen.append(unit)
        if unit == 5:
            raise ArithmeticError(unit)

    torch.set_num_threads(threads)
    try:
        with pytest.raises(ArithmeticError):
            run_units(kernel, range(1000))
    finally:
        torch.set_num_threads(before)
    assert len(seen) < 1000


def test_an_unknown_backend_is_named(subject):
    with pytest.raises(ValueError, match="`backend` must be one of 'auto'"):
        DRR(subject, 600.0, 5, 8.0, backend="gpu")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="'cuda' can't serve: there is no NVIDIA GPU"):
            DRR(subject, 600.0, 5, 8.0, backend="cuda")


def test_a_renderer_may_be_on_its_way_to_the_device_of_its_backend(subject):
    drr = DRR(subject, 600.0, 5, 8.0, backend="cpu").to("meta")
    with pytest.raises(ValueError, match="'cpu' can't serve: the volume lies on 'meta'"):
        _ = drr.backend_in_use


def test_the_door_takes_no_rays(subject):
    drr = DRR(subject, 600.0, 5, 8.0)
    empty = torch.empty(1, 0, 3, dtype=torch.float64)
    assert drr.render(drr.density, torch.zeros(1, 1, 3), empty).shape == (1, 1, 0)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_any_density_along_any_rays(subject, renderer):
    drr = DRR(subject, 600.0, 5, 8.0, renderer=renderer)
    pose = euler([POSES["oblique"][0], (0.1, 0.2, 0.3)], [[1.0, 300.0, 2.0]] * 2)
    source, target = drr.detector.rays(pose)
    image = drr.render(2 * drr.density, source, target)
    torch.testing.assert_close(image, 2 * drr(pose).flatten(2), rtol=1e-5, atol=1e-4)


def test_settings_reach_the_kernels_as_they_are(subject):
    drr = DRR(subject, 600.0, 5, 8.0, renderer="trilinear")
    volume = drr.density.permute(2, 1, 0)
    rays = bundle_of_plane(
        drr._voxel_from_iso(), drr.detector.plane(euler(*POSES["oblique"])), drr.detector.shape
    )
    few, many = (
        _ops.integrate(
            volume,
            rays,
            settings=RaySettings("trilinear", n_points=n),
            lookup=RayLookup(),
            backend="cpu",
        )
        for n in (3, 300)
    )
    assert (few - many).abs().max() > 1e-2
