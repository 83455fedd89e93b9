"""The subject: frames, labels, density, and images of the caller that stay as they are."""

import numpy as np
import pandas as pd
import pytest
import torch
import torchio as tio

from napari_drr import RigidTransform
from napari_drr.volume.attenuation import linear_attenuation, relative_density
from napari_drr.volume.subject import make_subject, remap

AFFINE = np.array([[-1.5, 0, 0, 40], [0, 1.25, 0.1, -13], [0, 0, 2.5, 300], [0, 0, 0, 1.0]])
SHAPE = (12, 10, 8)
TABLE = pd.DataFrame(
    {"id": [1, 2, 3, 9], "structure": ["a", "b", "c", "absent"], "group": ["x", "y", "y", "z"]}
)


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    hu = torch.from_numpy(rng.integers(-1000, 1500, SHAPE).astype(np.int16))[None]
    labels = torch.from_numpy(rng.integers(0, 4, SHAPE).astype(np.uint8))[None]
    return tio.ScalarImage(tensor=hu, affine=AFFINE), tio.LabelMap(tensor=labels, affine=AFFINE)


@pytest.fixture
def subject(images):
    return make_subject(*images, structures=TABLE)


def center(affine):
    return affine[:3, :3] @ (np.array(SHAPE) - 1) / 2 + affine[:3, 3]


def test_volume_is_hu_as_float32_and_density_its_relative_map(images, subject):
    assert subject.volume.data.dtype == torch.float32
    assert torch.equal(subject.volume.data, images[0].data.float())
    assert torch.equal(subject.density.data, relative_density(images[0].data))


def test_the_origin_is_the_center_of_the_grid_and_isocenter_keeps_the_shift(subject):
    # Rounding of float64 at 300 mm is 6e-14 mm.
    np.testing.assert_allclose(center(subject.volume.affine), 0, atol=1e-12)
    assert subject.isocenter.dtype == torch.float64
    np.testing.assert_allclose(subject.isocenter, center(AFFINE), atol=1e-12)
    np.testing.assert_array_equal(subject.volume.affine[:3, :3], AFFINE[:3, :3])
    world = subject.volume.affine[:3, 3] + subject.isocenter.numpy()
    np.testing.assert_allclose(world, AFFINE[:3, 3], atol=1e-12)


def test_all_images_move_by_the_same_shift_even_where_the_labels_are_a_crop(images):
    affine = AFFINE.copy()
    affine[:3, 3] = (AFFINE @ [4, 4, 4, 1])[:3]
    crop = tio.LabelMap(tensor=images[1].data[:, 4:, 4:, 4:], affine=affine)
    subject = make_subject(images[0], crop, structures=TABLE)
    np.testing.assert_array_equal(subject.mask.affine, subject.volume.affine)
    np.testing.assert_array_equal(subject.density.affine, subject.volume.affine)
    assert torch.equal(subject.mask.data[:, 4:, 4:, 4:], images[1].data[:, 4:, 4:, 4:])
    assert subject.mask.data[:, :4].sum() == 0


def test_uncentered_stays_in_the_world(images):
    subject = make_subject(*images, center_volume=False)
    np.testing.assert_array_equal(subject.volume.affine, AFFINE)
    assert subject.isocenter.tolist() == [0, 0, 0]


def test_the_callers_images_stay_as_they_are(images):
    before = [(image.data.clone(), image.affine.copy()) for image in images]
    turn = torch.eye(4)
    turn[:3, 3] = torch.tensor([9.0, -4.0, 1.0])
    make_subject(*images, labels=1, transform=RigidTransform(turn), resample_target=3.0)
    for image, (data, affine) in zip(images, before, strict=True):
        assert torch.equal(image.data, data)
        np.testing.assert_array_equal(image.affine, affine)


def test_transform_moves_ct_and_labels_alike(images):
    turn = torch.tensor([[0.0, -1, 0, 5], [1, 0, 0, -7], [0, 0, 1, 11], [0, 0, 0, 1]])
    moved = make_subject(*images, transform=RigidTransform(turn), center_volume=False)
    np.testing.assert_allclose(moved.volume.affine, turn.numpy() @ AFFINE, atol=1e-4)
    np.testing.assert_array_equal(moved.mask.affine, moved.volume.affine)
    assert torch.equal(moved.mask.data, images[1].data)
    centered = make_subject(*images, transform=RigidTransform(turn))
    np.testing.assert_allclose(centered.isocenter, center(moved.volume.affine), atol=1e-12)


@pytest.mark.parametrize("transform", [np.eye(4), torch.eye(4)])
def test_a_bare_matrix_for_a_transform_is_refused(images, transform):
    with pytest.raises(TypeError, match=r"`transform` must be a RigidTransform, got .*eye\(4\)"):
        make_subject(images[0], transform=transform)


def test_a_batch_of_transforms_is_refused(images):
    with pytest.raises(ValueError, match="single transform, got a batch of 2"):
        make_subject(images[0], transform=RigidTransform(torch.eye(4).repeat(2, 1, 1)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fiducials_move_with_the_ct_in_a_tensor_of_their_own(images, dtype):
    points = torch.tensor([[[1.0, 2, 3], [40, -13, 300]]], dtype=dtype)
    kept = points.clone()
    subject = make_subject(images[0], fiducials=points)
    assert subject.fiducials.dtype == dtype
    assert torch.equal(points, kept)
    # float32 holds coordinates of 300 mm to 3e-5 mm.
    expected = kept.double() - subject.isocenter
    torch.testing.assert_close(subject.fiducials.double(), expected, atol=1e-4, rtol=0)


def test_fiducials_of_another_shape_are_refused(images):
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 3\), got \(4, 2\)"):
        make_subject(images[0], fiducials=torch.zeros(4, 2))


@pytest.mark.parametrize("orientation", ["AP", "PA", None])
def test_orientation_gives_the_reorient_matrix(images, orientation):
    rows = {
        "AP": [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
        "PA": [[1, 0, 0], [0, 0, 1], [0, 1, 0]],
        None: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    }
    subject = make_subject(images[0], orientation=orientation)
    assert subject.orientation == orientation
    assert subject.reorient.dtype == torch.float32
    assert subject.reorient[:3, :3].tolist() == rows[orientation]


def test_unknown_orientation_is_refused(images):
    with pytest.raises(ValueError, match=r"orientation.*'LAO'"):
        make_subject(images[0], orientation="LAO")


def test_without_labels_there_is_no_mask_and_no_table(images):
    subject = make_subject(images[0])
    assert subject.mask is None
    assert subject.structures is None
    assert subject.labels is None


def test_structures_lists_what_is_present(subject):
    assert subject.structures["structure"].tolist() == ["a", "b", "c"]
    assert subject.structures.attrs["assumed"] is False


def test_names_are_assumed_where_none_are_given(images):
    subject = make_subject(*images)
    assert subject.structures["structure"].tolist() == ["spleen", "kidney_right", "kidney_left"]
    assert subject.structures.attrs["assumed"] is True


@pytest.mark.parametrize(
    ("labels", "ids"),
    [(1, [1]), ([1, 3], [1, 3]), (np.int64(2), [2]), (np.array([1, 2]), [1, 2]), ("y", [2, 3]),
     (["a", 3], [1, 3]), ([1, "absent"], [1])],
)  # fmt: skip
def test_subset_keeps_density_and_labels_of_the_chosen_only(images, subject, labels, ids):
    chosen = make_subject(*images, labels=labels, structures=TABLE)
    union = torch.isin(images[1].data, torch.tensor(ids, dtype=torch.uint8))
    assert chosen.labels == ids
    assert torch.equal(chosen.mask.data, images[1].data * union)
    assert chosen.structures["id"].tolist() == ids
    # The scale is that of the whole CT, and outside the HU stay what they are, never 0 (water).
    assert torch.equal(chosen.density.data, subject.density.data * union)
    assert torch.equal(chosen.volume.data, subject.volume.data)


def test_labels_that_all_lie_outside_the_ct_are_refused(images):
    affine = AFFINE.copy()
    affine[:3, 3] = (AFFINE @ [11, 0, 0, 1])[:3]  # its first slice is the CT's last one
    data = images[1].data.clone()
    data[:, 0] = 0
    with pytest.raises(ValueError, match="all its labels lie outside"):
        make_subject(images[0], tio.LabelMap(tensor=data, affine=affine))


def test_a_label_map_without_labels_names_nothing(images):
    empty = tio.LabelMap(tensor=torch.zeros_like(images[1].data), affine=AFFINE)
    subject = make_subject(images[0], empty)
    assert len(subject.structures) == 0
    assert subject.mask.data.sum() == 0


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("absent", "a structure that the label map holds, got 'absent'; it holds a, b, c"),
        (0, "a structure that the label map holds, got 0"),
        ([], r"a structure that the label map holds, got \[\]"),
        ("nothing", "'nothing' is no structure"),
    ],
)
def test_subset_of_nothing_is_refused(images, labels, message):
    with pytest.raises(ValueError, match=message):
        make_subject(*images, labels=labels, structures=TABLE)


def test_subset_needs_labels(images):
    with pytest.raises(ValueError, match="pass `labelmap` too"):
        make_subject(images[0], labels=1)


@pytest.mark.parametrize(
    ("largest", "dtype"), [(255, torch.uint8), (256, torch.int16), (40000, torch.int32)]
)
def test_labels_take_the_smallest_dtype_that_holds_them(images, largest, dtype):
    data = images[1].data.to(torch.float64)
    data[0, 0, 0, 0] = largest
    subject = make_subject(images[0], tio.LabelMap(tensor=data, affine=AFFINE))
    assert subject.mask.data.dtype == dtype
    assert subject.mask.data[0, 0, 0, 0] == largest


def test_resample_target_resamples_all_images(images):
    subject = make_subject(*images, structures=TABLE, resample_target=3.0)
    for image in (subject.volume, subject.mask, subject.density):
        np.testing.assert_allclose(image.spacing, 3.0, atol=1e-6)
    assert set(subject.mask.data.unique().tolist()) <= {0, 1, 2, 3}
    assert subject.structures["structure"].tolist() == ["a", "b", "c"]


def test_further_keywords_become_attributes(images):
    assert make_subject(images[0], patient="phantom").patient == "phantom"


def test_physical_density(images):
    subject = make_subject(images[0], attenuation="physical", energy_kev=60.0)
    assert torch.equal(subject.density.data, linear_attenuation(images[0].data, 60.0))
    assert (subject.attenuation, subject.energy_kev) == ("physical", 60.0)


@pytest.mark.parametrize(
    "change",
    [
        {"bone_attenuation_multiplier": 2.5},
        {"attenuation": "physical", "energy_kev": 90.0},
        {"attenuation": "physical"},
    ],
)
@pytest.mark.parametrize("labels", [None, [1, 3]])
def test_remap_equals_a_new_subject_and_shares_the_rest(images, change, labels):
    subject = make_subject(*images, labels=labels, structures=TABLE)
    before = subject.density.data.clone()
    again = remap(subject, **change)
    fresh = make_subject(*images, labels=labels, structures=TABLE, **change)
    assert torch.equal(again.density.data, fresh.density.data)
    for name in ("attenuation", "bone_attenuation_multiplier", "energy_kev"):
        assert again[name] == fresh[name] == getattr(again, name)
    assert again.volume is subject.volume
    assert again.mask is subject.mask
    assert torch.equal(subject.density.data, before)


def test_remap_without_changes_changes_nothing(subject):
    assert torch.equal(remap(subject).density.data, subject.density.data)
