"""Subjects that are made from the last one: what `read` would make, and no more is computed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from orientations import rotation

from napari_drr import load_phantom
from napari_drr.io.read import read
from napari_drr.recipe import CTReference
from napari_drr.viewer._requests import Inputs
from napari_drr.viewer._subjects import Subjects

PHYSICAL = {"attenuation": "physical"}


@pytest.fixture(scope="module")
def inputs():
    subject = load_phantom(spacing=20.0, center_volume=False)
    volume, mask = subject["volume"], subject["mask"]
    labels = (mask.data[0].clone(), mask.affine)
    return Inputs(volume.data[0], volume.affine, labels, subject["structures"], ("ct", "labels"))


def changed(inputs, **changes):
    return replace(inputs, key=(inputs.key[0], object()), **changes)


def same_as_read(subject, ct, inputs, attenuation=PHYSICAL):
    wanted = read(
        (inputs.hounsfield, inputs.affine),
        inputs.labels,
        structures=inputs.structures,
        **attenuation,
    )
    assert set(subject) == set(wanted)
    for name in ("volume", "density", "mask"):
        if wanted[name] is None:
            assert subject[name] is None
            continue
        assert torch.equal(subject[name].data, wanted[name].data)
        np.testing.assert_array_equal(subject[name].affine, wanted[name].affine)
    assert torch.equal(subject["isocenter"], wanted["isocenter"])
    if wanted["structures"] is not None:
        assert subject["structures"].equals(wanted["structures"])
    other = CTReference.of(wanted)
    assert (ct.sha256, ct.shape) == (other.sha256, other.shape)
    np.testing.assert_allclose(ct.affine, other.affine, atol=1e-9)


@pytest.fixture
def subjects(inputs):
    subjects = Subjects()
    same_as_read(subjects.of(inputs, PHYSICAL), subjects.ct, inputs)
    return subjects


def painted(inputs):
    labels = inputs.labels[0].clone()
    labels[2:5] = 7
    return labels, inputs.labels[1]


def test_other_labels_share_the_density(subjects, inputs):
    before = subjects.of(inputs, PHYSICAL)["density"].data
    edited = changed(inputs, mask=painted(inputs))
    subject = subjects.of(edited, PHYSICAL)
    same_as_read(subject, subjects.ct, edited)
    assert subject["density"].data is before
    without = changed(inputs, mask=None, structures=None)
    same_as_read(subjects.of(without, PHYSICAL), subjects.ct, without)
    same_as_read(subjects.of(inputs, PHYSICAL), subjects.ct, inputs)


@pytest.mark.parametrize("degrees", [0, 10, 90])
def test_a_moved_ct_shares_the_density(subjects, inputs, degrees):
    before = subjects.of(inputs, PHYSICAL)["density"].data
    center = subjects.of(inputs, PHYSICAL)["isocenter"].numpy()
    affine = rotation(degrees, 0) @ inputs.affine
    affine[:3, 3] += center - rotation(degrees, 0)[:3, :3] @ center + (5.0, -3.0, 2.0)
    moved = changed(inputs, affine=affine)
    subject = subjects.of(moved, PHYSICAL)
    same_as_read(subject, subjects.ct, moved)
    assert subject["density"].data is before


def test_labels_elsewhere_are_refused_and_the_last_subject_stays(subjects, inputs):
    labels, affine = inputs.labels
    far = affine.copy()
    far[:3, 3] += 5000.0
    with pytest.raises(ValueError, match="do not overlap"):
        subjects.of(changed(inputs, mask=(labels, far)), PHYSICAL)
    same_as_read(subjects.of(inputs, PHYSICAL), subjects.ct, inputs)


def test_another_ct_and_another_map_are_computed(subjects, inputs):
    other = replace(inputs, voxels=inputs.hounsfield.flip(0), key=("other", "labels"))
    same_as_read(subjects.of(other, PHYSICAL), subjects.ct, other)
    relative = {"attenuation": "relative"}
    same_as_read(subjects.of(other, relative), subjects.ct, other, relative)


def test_values_that_are_no_hu_are_no_warning_of_python(subjects, inputs):
    stored = replace(inputs, voxels=inputs.hounsfield + 1024, key=("stored", "labels"))
    assert subjects.of(stored, PHYSICAL)["volume"].data.min() >= 0
