"""What a renderer meets when things go wrong, or come in another way than usual."""

import math
import multiprocessing
import pickle
import threading

import pytest
import ray_cases
import torch
from shared_volumes import POSES, euler, make_volume

from napari_drr import DRR, Detector, RigidTransform, project, read
from napari_drr.rendering.kernels import _skipping, cpu
from napari_drr.rendering.kernels._rays import RayBundle
from napari_drr.rendering.kernels._settings import RayLookup, RaySettings
from napari_drr.rendering.kernels._threads import run_units

RENDERERS = ["siddon", "trilinear"]
BACKENDS = ["cpu", "reference"]


@pytest.fixture(scope="module")
def subject():
    volume, mask, table = make_volume(shape=(9, 8, 7))
    return read(volume, mask, structures=table, attenuation="physical")


class PlainCPU:
    """The CPU kernels with the arguments of the GPU's, so that both meet the same cases."""

    @staticmethod
    def forward(volume, lines, pixels, shape, labels, channels, weights, n_channels, *how):
        lookup = RayLookup(labels, channels, weights, n_channels)
        return cpu.forward(volume, RayBundle(lines, shape, pixels), RaySettings(*how), lookup)

    @staticmethod
    def backward(grad, volume, lines, pixels, shape, labels, channels, weights, n_channels, *how):
        *settings, wanted = how
        lookup = RayLookup(labels, channels, weights, n_channels)
        rays = RayBundle(lines, shape, pixels)
        return cpu.backward(grad, volume, rays, RaySettings(*settings), lookup, wanted)


@pytest.mark.parametrize(
    "name", [n for n, c in ray_cases.CASES.items() if c["lines"].numel() and "no pixels" not in n]
)
def test_the_cases_of_the_gpu_kernels(name):
    image, *gradients = ray_cases.compare(PlainCPU, ray_cases.CASES[name])
    # As in test_parity: positions are good to 4e-6 voxel, of the one segment that "max" keeps.
    assert image <= 5e-6
    assert max(gradients) <= 1e-4


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("reduction", ["sum", "max", "mip"])
@pytest.mark.parametrize(
    "wanted", [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1) if a or b or c]
)
def test_any_of_the_gradients_may_be_wanted_alone(renderer, reduction, wanted):
    arguments = ray_cases.case(renderer=renderer, reduction=reduction, n_points=9)
    arguments["weight_of_label"] = torch.linspace(0.5, 2, 7, dtype=torch.float64)
    gradient = torch.ones(1, 1, 15)
    every = PlainCPU.backward(gradient, *arguments.values(), (True, True, True))
    found = PlainCPU.backward(gradient, *arguments.values(), tuple(map(bool, wanted)))
    for some, all_, want in zip(found, every, wanted, strict=True):
        assert (some is not None) == bool(want)
        assert some is None or torch.equal(some, all_)


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize(("n_channels", "n_weights"), [(5, 300), (300, 5), (6, 5)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_tables_of_unequal_length(renderer, n_channels, n_weights, dtype):
    density = torch.rand(6, 5, 4, generator=torch.Generator().manual_seed(0))
    transform = torch.eye(4, dtype=torch.float64)
    transform[:3, 3] = torch.tensor([2.6, 2.1, 1.4])
    pose, detector = euler((0.3, 0.2, 0.1), (1.0, 40.0, 2.0)), Detector(80.0, (7, 6), (2.0, 2.0))
    gradients = []
    for backend in BACKENDS:
        weights = torch.linspace(0.5, 2, n_weights, dtype=torch.float64).requires_grad_()
        image = project(
            density,
            transform,
            pose,
            detector,
            labels=(density * 5).to(dtype),
            channel_of_label=torch.arange(n_channels) % 3,
            weight_of_label=weights,
            n_channels=3,
            renderer=renderer,
            n_points=20,
            backend=backend,
        )
        image.square().sum().backward()
        gradients.append(weights.grad)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)
    assert gradients[1][:5].abs().min() > 0


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("reduction", ["sum", "max", "mip"])
@pytest.mark.parametrize("number", [math.nan, math.inf])
@pytest.mark.parametrize("place", [(0, 0), (1, 1), (2, 2), (0, 3), (1, 3), (2, 3)])
def test_a_pose_that_is_no_number_gives_no_number(backend, renderer, reduction, number, place):
    matrix = euler(*POSES["oblique"]).matrix.clone()
    matrix[0, place[0], place[1]] = number
    density, transform = torch.ones(5, 4, 6), torch.eye(4, dtype=torch.float64)
    matrix.requires_grad_()
    image = project(
        density,
        transform,
        matrix,
        Detector(600.0, (3, 4), (2.0, 2.0)),
        renderer=renderer,
        reduction=reduction,
        n_points=5,
        backend=backend,
    )
    assert not image.isfinite().any()
    if backend == "cpu":
        image.sum().backward()
        assert matrix.grad.isnan().any()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("row", range(3))
def test_an_affine_that_is_no_number_gives_no_number(backend, renderer, row):
    transform = torch.eye(4, dtype=torch.float64)
    transform[row, 3] = math.nan
    detector = Detector(600.0, (3, 4), (2.0, 2.0))
    pose = euler(*POSES["oblique"])
    image = project(
        torch.ones(5, 4, 6), transform, pose, detector, renderer=renderer, backend=backend
    )
    assert image.isnan().all()


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("reducefn", ["max", "mip"])
def test_a_voxel_that_is_no_number_is_no_maximum(subject, renderer, reducefn):
    images = []
    for backend in BACKENDS:
        drr = DRR(subject, 600.0, 31, 3.0, renderer=renderer, reducefn=reducefn, backend=backend)
        drr.density[4, 4, 3] = math.nan
        images.append(drr(euler(*POSES["oblique"])))
        drr.density[4, 4, 3] = 0.0
    assert images[1].isnan().any()
    assert torch.equal(images[0].isnan(), images[1].isnan())


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_ray_without_length_integrates_nothing(subject, renderer):
    point = torch.tensor([[[1.0, 2.0, 0.5]]], dtype=torch.float64)
    for backend in BACKENDS:
        drr = DRR(subject, 600.0, 9, 3.0, renderer=renderer, backend=backend)
        assert not drr.render(drr.density, point, point).any()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int16])
def test_densities_of_other_dtypes_are_served(subject, dtype):
    drr, pose = DRR(subject, 600.0, 9, 3.0), euler(*POSES["oblique"])
    source, target = drr.detector.rays(pose)
    density = (drr.density * 1000).to(dtype)
    image = drr.render(density, source, target)
    assert image.dtype == (dtype if dtype.is_floating_point else torch.float32)
    expected = drr.render(density.float(), source, target)
    tolerance = 1e-6 if dtype in (torch.float64, torch.int16) else 1e-2  # half a number's digits
    scale = expected.max()
    torch.testing.assert_close(image.float() / scale, expected / scale, atol=tolerance, rtol=0)


def test_labels_that_are_no_integers_are_refused(subject):
    with pytest.raises(TypeError, match=r"`labels` must be integers, got torch\.float32"):
        project(
            torch.ones(2, 2, 2),
            torch.eye(4, dtype=torch.float64),
            euler(*POSES["oblique"]),
            Detector(600.0, (3, 4), (2.0, 2.0)),
            labels=torch.ones(2, 2, 2),
            weight_of_label=torch.ones(2, dtype=torch.float64),
        )


def test_labels_may_be_a_mask():
    how = {"channel_of_label": torch.tensor([-1, 0])}
    pose, detector = euler((0.3, 0.2, 0.1), (1.0, 40.0, 2.0)), Detector(80.0, (7, 6), (2.0, 2.0))
    labels = torch.zeros(6, 5, 4, dtype=torch.bool)
    labels[:3] = True
    fused, reference = (
        project(
            torch.ones(6, 5, 4),
            torch.eye(4, dtype=torch.float64),
            pose,
            detector,
            labels=labels,
            backend=backend,
            **how,
        )
        for backend in BACKENDS
    )
    torch.testing.assert_close(fused, reference, rtol=1e-5, atol=1e-5)
    assert reference.any()


def test_labels_edited_behind_torchs_back_crash_nothing(subject):
    drr, pose = DRR(subject, 600.0, 9, 3.0), euler(*POSES["oblique"])
    drr.channels(pose)
    drr.mask.numpy()[...] = 250
    drr.channels(pose, structures=["a"])
    drr(pose, weights={"a": 0.5})


def test_autocast_does_not_round_what_is_recombined(subject):
    drr, pose = DRR(subject, 600.0, 9, 3.0), euler(*POSES["oblique"])
    expected = DRR(subject, 600.0, 9, 3.0)(pose, weights={"a": 0.4}, bone_weight=0.5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for weight in (0.1, 0.2, 0.4):
            image = drr(pose, weights={"a": weight}, bone_weight=0.5)
    assert image.dtype == torch.float32
    scale = expected.max()
    torch.testing.assert_close(image / scale, expected / scale, atol=1e-6, rtol=0)


def test_what_was_kept_in_inference_mode_can_be_differentiated_later(subject):
    drr, pose = DRR(subject, 600.0, 9, 3.0), euler(*POSES["oblique"])
    with torch.inference_mode():
        for weight in (0.5, 0.4, 0.3):
            drr(pose, bone_weight=weight, weights={"a": weight})
    matrix = pose.matrix.clone().requires_grad_()
    drr(RigidTransform(matrix), bone_weight=0.3, weights={"a": 0.3}).sum().backward()
    assert matrix.grad.any()


def test_a_bone_weight_for_every_voxel(subject):
    drr, pose = DRR(subject, 600.0, 9, 3.0), euler(*POSES["oblique"])
    for _ in range(3):
        image = drr(pose, bone_weight=torch.full(drr.density.shape, 0.5))
    torch.testing.assert_close(image, drr(pose, bone_weight=0.5), rtol=1e-5, atol=1e-6)


def test_a_pickled_module_is_no_larger_for_what_it_kept(subject):
    drr, pose = DRR(subject, 600.0, 30, 1.0), euler(*POSES["oblique"])
    before = len(pickle.dumps(drr))
    for weight in (0.5, 0.4, 0.3):
        drr(pose, weights={"a": weight}, bone_weight=weight)
    assert len(pickle.dumps(drr)) < before + 5000
    again = pickle.loads(pickle.dumps(drr))
    assert torch.equal(again(pose), drr(pose))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's own use of it
@pytest.mark.parametrize("renderer", RENDERERS)
def test_forward_mode_and_functional_gradients(renderer):
    # The operators know backward mode only: the reference serves what they don't.
    density = torch.rand(5, 4, 3, generator=torch.Generator().manual_seed(0))
    transform = torch.eye(4, dtype=torch.float64)
    transform[:3, 3] = torch.tensor([2.1, 1.6, 1.1])
    detector, matrix = Detector(60.0, (2, 3), (1.1, 1.3)), euler((0.3, 0.2, 0.1), (0.0, 30.0, 0.0))

    def render(shift, backend):
        moved = matrix.matrix.clone()
        moved = moved + torch.nn.functional.pad(shift.reshape(1, 3, 1), (3, 0, 0, 1))
        how = {"renderer": renderer, "n_points": 9, "backend": backend}
        return project(density, transform, moved, detector, **how).sum()

    zero, one = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    for differentiate in (
        lambda f: torch.func.jvp(f, (zero,), (one,))[1],
        lambda f: torch.func.grad(f)(zero),
        lambda f: torch.func.jacrev(f)(zero),
    ):
        found, expected = (
            differentiate(lambda shift, b=backend: render(shift, b)) for backend in BACKENDS
        )
        torch.testing.assert_close(found, expected)
        assert expected.abs().max() > 0


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("reducefn", ["max", "mip"])
def test_second_derivatives_of_maxima(subject, renderer, reducefn):
    matrix = euler(*POSES["oblique"]).matrix.requires_grad_()
    drr = DRR(subject, 600.0, 5, 6.0, renderer=renderer, reducefn=reducefn)
    (first,) = torch.autograd.grad(drr(RigidTransform(matrix)).sum(), matrix, create_graph=True)
    (second,) = torch.autograd.grad(
        first.square().sum(), matrix, allow_unused=True, materialize_grads=True
    )
    assert second.isfinite().all()


def test_a_render_inside_a_progress_call_tells_its_own(subject):
    drr, pose = DRR(subject, 600.0, 9, 3.0), euler(*POSES["oblique"])
    small = DRR(subject, 600.0, 5, 3.0)
    told = []

    def progress(done, total):
        told.append((done, total))
        small(pose)

    drr(pose, progress=progress)
    assert told == [(81, 81)]


def test_callers_that_share_the_pool_do_not_wait_for_each_other():
    before, release = torch.get_num_threads(), threading.Event()
    torch.set_num_threads(2)
    try:
        other = threading.Thread(
            target=run_units, args=(lambda unit: release.wait(60), range(2)), daemon=True
        )
        other.start()
        finished = threading.Event()

        def caller():
            run_units(lambda unit: None, range(50))
            finished.set()

        threading.Thread(target=caller, daemon=True).start()
        assert finished.wait(30)
        assert other.is_alive()
    finally:
        release.set()
        other.join()
        torch.set_num_threads(before)


def _render_to(drr, pose, queue):
    queue.put(drr(pose).sum().item())


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork"
)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_renders_although_another_thread_looked_at_a_volume(subject):
    drr, pose = DRR(subject, 600.0, 9, 3.0), euler(*POSES["oblique"])
    expected = drr(pose).sum().item()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_render_to, args=(drr, pose, queue))
    with _skipping._lock:  # as another thread may, at the time of the fork
        child.start()
    try:
        assert queue.get(timeout=60) == expected
    finally:
        child.kill()
        child.join()
