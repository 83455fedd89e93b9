"""Weights from cached channels: the image of a new render, without new rays."""

import threading

import pytest
import torch
from shared_volumes import POSES, euler, make_volume

from napari_drr import DRR, read
from napari_drr.rendering.kernels import _ops

RENDERERS = ["siddon", "trilinear"]
# What the design promises, relative to the largest pixel.
TOLERANCE = 1e-6


@pytest.fixture
def renders(monkeypatch):
    """Count the calls that cost rays; they are made all the same."""
    counted = []
    real = _ops.integrate

    def integrate(*args, **kwargs):
        counted.append(kwargs["lookup"].n_channels)
        return real(*args, **kwargs)

    monkeypatch.setattr(_ops, "integrate", integrate)
    return counted


def physical():
    volume, mask, table = make_volume()
    return read(volume, mask, structures=table, attenuation="physical")


def drr_of(subject, **how):
    return DRR(subject, 600.0, 23, 4.0, **how)


def assert_same(found, expected):
    scale = expected.abs().max()
    torch.testing.assert_close(found / scale, expected / scale, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_weight_needs_no_new_ray(renders, renderer):
    subject, pose = physical(), euler(*POSES["oblique"])
    drr = drr_of(subject, renderer=renderer)
    drr(pose, weights={"a": 0.5})
    drr(pose, weights={"a": 0.7})  # renders the layers
    renders.clear()
    for weights in ({"a": 0.1}, {"b": 2.0, "y": 0.0}, {0: 0.0}, {"x": 3.0, "a": 1.0}):
        found = drr(pose, weights=weights)
        assert not renders
        assert_same(found, drr_of(subject, renderer=renderer)(pose, weights=weights))
        renders.clear()


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_bone_weight_needs_no_new_ray(renders, renderer):
    subject, pose = physical(), euler(*POSES["frontal"])
    drr = drr_of(subject, renderer=renderer)
    for bone in (0.3, 0.6):
        drr(pose, bone_weight=bone, weights={"a": bone})
    renders.clear()
    for how in (
        {"bone_weight": 0.0},
        {"bone_weight": 2.0, "weights": {"b": 0.5}},
        {"weights": {"c": 0.0}},
    ):
        found = drr(pose, **how)
        assert not renders
        assert_same(found, drr_of(subject, renderer=renderer)(pose, **how))
        renders.clear()


def test_poses_of_a_batch_recombine():
    subject = physical()
    pose = euler([[0.1, 0.2, 0.3], [1.2, -0.4, 0.0]], [[3.0, 300.0, 2.0]] * 2)
    drr = drr_of(subject, p_subsample=0.3, reshape=False)
    for weight in (0.5, 0.2, 0.1):
        found = drr(pose, weights={"a": weight})
    other = drr_of(subject, p_subsample=0.3, reshape=False)
    other._pixels = drr._pixels
    assert_same(found, other(pose, weights={"a": 0.1}))


def test_who_renders_each_pose_once_pays_for_no_channels(renders):
    drr = drr_of(physical())
    for alpha in (0.0, 0.1, 0.2):
        drr(euler((alpha, 0.0, 0.0), (0.0, 300.0, 0.0)), weights={"a": 0.5})
    assert renders == [1, 1, 1]


def test_the_same_call_returns_the_same_bits():
    drr, pose = drr_of(physical()), euler(*POSES["oblique"])
    first = drr(pose, weights={"a": 0.5})
    assert torch.equal(drr(pose, weights={"a": 0.5}), first)


@pytest.mark.parametrize(
    "change",
    [
        lambda drr, pose: drr.density.mul_(2.0),
        lambda drr, pose: drr.mask.fill_(1),
        lambda drr, pose: drr.set_intrinsics_(sdd=700.0),
        lambda drr, pose: pose.matrix[0, 1, 3].add_(5.0),
        lambda drr, pose: drr.load_state_dict(
            {name: tensor + 1 for name, tensor in drr.state_dict().items()}
        ),
        lambda drr, pose: setattr(drr, "isocenter", (1.0, 2.0, 3.0)),
    ],
    ids=["density", "mask", "detector", "pose", "state", "isocenter"],
)
def test_what_changes_is_rendered_anew(change):
    drr, pose = drr_of(physical()), euler(*POSES["oblique"])
    for weight in (0.5, 0.2, 0.1):
        drr(pose, weights={"a": weight})
    change(drr, pose)
    found = drr(pose, weights={"a": 0.1})
    fresh = drr_of(physical())
    fresh.load_state_dict(drr.state_dict())
    fresh.detector, fresh.isocenter = drr.detector, drr.isocenter
    assert torch.equal(found, fresh(pose, weights={"a": 0.1}))


def test_gradients_are_those_of_rays():
    subject, pose = physical(), euler(*POSES["oblique"])
    drr = drr_of(subject)
    gradients = []
    for other in (drr_of(subject), drr):
        for weight in (0.5, 0.2, 0.1):
            drr(pose, weights={"a": weight})
        weight = torch.tensor(0.7, requires_grad=True)
        other(pose, weights={"a": weight}).sum().backward()
        gradients.append(weight.grad)
    assert torch.equal(*gradients)
    assert gradients[0] > 0


def test_layers_that_are_too_large_are_not_kept(renders):
    drr, pose = drr_of(physical(), memory_budget=1000), euler(*POSES["oblique"])
    for weight in (0.5, 0.2, 0.1):
        found = drr(pose, weights={"a": weight})
    assert renders == [1, 1, 1]
    assert torch.equal(found, drr_of(physical())(pose, weights={"a": 0.1}))


@pytest.mark.parametrize("reducefn", ["max", "mip"])
def test_only_sums_are_recombined(reducefn):
    drr, pose = drr_of(physical(), reducefn=reducefn), euler(*POSES["oblique"])
    for weight in (0.5, 0.2, 3.0):
        found = drr(pose, weights={"a": weight})
    fresh = drr_of(physical(), reducefn=reducefn)
    assert torch.equal(found, fresh(pose, weights={"a": 3.0}))


def test_a_module_that_moved_forgets():
    drr, pose = drr_of(physical()), euler(*POSES["oblique"])
    for weight in (0.5, 0.2, 0.1):
        drr(pose, weights={"a": weight})
    found = drr.double()(pose, weights={"a": 0.1})
    assert found.dtype == torch.float64
    assert_same(found, drr_of(physical())(pose, weights={"a": 0.1}).double())


def test_several_threads_may_move_weights():
    subject = physical()
    drr = drr_of(subject)
    poses = [euler((0.2 * i, 0.1, 0.0), (0.0, 300.0, 0.0)) for i in range(3)]
    expected = [drr_of(subject)(pose, weights={"a": 0.4}) for pose in poses]
    wrong = []

    def work(index):
        for weight in (0.1, 0.2, 0.3, 0.4) * 5:
            found = drr(poses[index], weights={"a": weight})
            if weight == 0.4 and (found - expected[index]).abs().max() > 1e-4:
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_bone_is_asked_for_where_there_is_none():
    volume, mask, table = make_volume()
    drr = drr_of(read(volume, mask, structures=table))
    with pytest.raises(ValueError, match="`bone_weight` needs physical attenuation"):
        drr(euler(*POSES["oblique"]), bone_weight=0.5)


def test_negative_bone_is_refused_at_every_call():
    drr, pose = drr_of(physical()), euler(*POSES["oblique"])
    for _ in range(3):
        drr(pose, bone_weight=0.5)
        with pytest.raises(ValueError, match="`bone_weight` must be 0 or more"):
            drr(pose, bone_weight=-0.5)


def test_a_weighed_density_follows_the_density():
    drr = drr_of(physical())
    poses = [euler((0.2 * i, 0.1, 0.0), (0.0, 300.0, 0.0)) for i in range(3)]
    drr(poses[0], bone_weight=0.5)
    drr.density.mul_(2.0)
    assert_same(drr(poses[1], bone_weight=0.5), 2 * drr_of(physical())(poses[1], bone_weight=0.5))
    drr.density = drr.density / 2
    assert_same(drr(poses[2], bone_weight=0.5), drr_of(physical())(poses[2], bone_weight=0.5))


def no_grad_separate(drr, pose, **how):
    with torch.no_grad():
        return drr.separate(pose, **how)


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("bone_weight", [None, 0.4])
def test_separated_labels_are_channels_and_serve_every_weight(renders, renderer, bone_weight):
    subject, pose = physical(), euler(*POSES["oblique"])
    drr = drr_of(subject, renderer=renderer)
    images, labels = no_grad_separate(drr, pose, bone_weight=bone_weight)
    assert labels == [0, 1, 2, 3, 4]
    assert images.shape == (1, 5, 23, 23)
    channels, _ = drr.channels(pose, structures=[0, 1, 2, 3, 4], bone_weight=bone_weight)
    assert_same(images, channels)
    renders.clear()
    found = drr(pose, weights={"a": 0.3, "y": 0.0}, bone_weight=bone_weight)
    assert not renders
    fresh = drr_of(subject, renderer=renderer)
    assert_same(found, fresh(pose, weights={"a": 0.3, "y": 0.0}, bone_weight=bone_weight))
    renders.clear()
    again, _ = no_grad_separate(drr, pose, bone_weight=bone_weight)
    assert not renders
    torch.testing.assert_close(again, images, atol=0, rtol=0)


def test_separating_after_a_weight_returns_the_same_bits_for_it():
    subject, pose = physical(), euler(*POSES["oblique"])
    drr = drr_of(subject)
    first = drr(pose, weights={"a": 0.5})
    no_grad_separate(drr, pose)
    assert_same(drr(pose, weights={"a": 0.5}), first)


def test_what_takes_too_much_memory_is_not_separated():
    drr = drr_of(physical(), memory_budget=1000)
    assert no_grad_separate(drr, euler(*POSES["oblique"])) is None


def test_only_sums_are_separated():
    with pytest.raises(ValueError, match="`reducefn` must be 'sum'"):
        drr_of(physical(), reducefn="max").separate(euler(*POSES["oblique"]))
    volume, _, _ = make_volume()
    with pytest.raises(ValueError, match="need labels"):
        drr_of(read(volume)).separate(euler(*POSES["oblique"]))
