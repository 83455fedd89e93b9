"""The thorax phantom: where its organs lie, what they are made of, and on any grid."""

import numpy as np
import pytest
import torch

from napari_drr.volume.phantom import FIELD_MM, load_phantom
from napari_drr.volume.structures import totalsegmentator_structures


@pytest.fixture(scope="module")
def subject():
    return load_phantom(spacing=3.0)


def places(subject, name):
    """World mm of all voxels of a structure."""
    (label,) = subject.structures["id"][subject.structures["structure"] == name]
    voxels = torch.nonzero(subject.mask.data[0] == label).double().numpy()
    affine = subject.volume.affine
    return voxels @ affine[:3, :3].T + affine[:3, 3]


def hounsfield(subject, name):
    (label,) = subject.structures["id"][subject.structures["structure"] == name]
    return subject.volume.data[subject.mask.data == label]


def test_names_are_those_of_totalsegmentator(subject):
    official = totalsegmentator_structures().set_index("id")
    assert subject.structures["structure"].tolist() == [
        official["structure"][label] for label in subject.structures["id"]
    ]
    assert subject.structures.attrs["assumed"] is False


def test_all_that_a_chest_needs_is_there(subject):
    names = set(subject.structures["structure"])
    sides = ("left", "right")
    expected = {f"vertebrae_T{level}" for level in range(1, 13)}
    expected |= {f"rib_{side}_{number}" for side in sides for number in range(1, 13)}
    expected |= {f"{bone}_{side}" for bone in ("clavicula", "scapula") for side in sides}
    expected |= {f"lung_{lobe}_lobe_{side}" for lobe in ("upper", "lower") for side in sides}
    expected |= {"lung_middle_lobe_right", "heart", "aorta", "sternum", "trachea", "liver"}
    assert expected <= names


@pytest.mark.parametrize("spacing", [12.0, 8.0, 4.0, (2.5, 4.0, 3.0)])
def test_every_structure_is_there_at_any_spacing_that_can_show_it(subject, spacing):
    coarse = load_phantom(spacing=spacing)
    missing = set(subject.structures["structure"]) - set(coarse.structures["structure"])
    assert len(missing) <= (12 if spacing == 12.0 else 0)
    sizes = np.array(coarse.volume.spatial_shape) * coarse.volume.spacing
    np.testing.assert_allclose(sizes, FIELD_MM, atol=np.max(spacing) / 2)


@pytest.mark.parametrize("bone", ["rib", "clavicula", "scapula"])
def test_left_lies_at_negative_x(subject, bone):
    names = [name for name in subject.structures["structure"] if name.startswith(bone)]
    assert len(names) >= 2
    for name in names:
        assert (places(subject, name)[:, 0] < 0).all() == ("left" in name), name


def test_left_and_right_differ(subject):
    assert places(subject, "heart")[:, 0].mean() < -15
    assert places(subject, "aorta")[:, 0].mean() < -8
    assert places(subject, "spleen")[:, 0].max() < -50
    assert places(subject, "liver")[:, 0].mean() > 40
    assert places(subject, "superior_vena_cava")[:, 0].mean() > 15
    # The right dome of the diaphragm stands higher.
    assert places(subject, "liver")[:, 2].max() > places(subject, "stomach")[:, 2].max() + 5
    flipped = torch.flip(subject.density.data, [1])
    assert (flipped - subject.density.data).abs().mean() > 0.01


def test_vertebrae_and_ribs_follow_one_another_from_the_head_down(subject):
    spine = ["C7", *(f"T{level}" for level in range(1, 13)), "L1"]
    heights = [places(subject, f"vertebrae_{name}")[:, 2].mean() for name in spine]
    assert (np.diff(heights) < -10).all()
    for side in ("left", "right"):
        tops = [places(subject, f"rib_{side}_{n}")[:, 2].max() for n in range(1, 13)]
        assert (np.diff(tops) < 0).all()


def test_ribs_run_forward_and_down(subject):
    rib = places(subject, "rib_right_5")
    back, front = rib[rib[:, 1] < np.quantile(rib[:, 1], 0.1)], rib[rib[:, 1] > 60]
    assert back[:, 2].mean() - front[:, 2].mean() > 30


def test_front_is_front(subject):
    assert places(subject, "sternum")[:, 1].min() > places(subject, "vertebrae_T6")[:, 1].max()
    assert places(subject, "scapula_left")[:, 1].mean() < 0


def test_tissues_have_their_hounsfield_units(subject):
    assert -900 < hounsfield(subject, "lung_lower_lobe_left").mean() < -650
    assert 30 < hounsfield(subject, "heart").mean() < 60
    assert 40 < hounsfield(subject, "liver").mean() < 80
    assert 300 < hounsfield(subject, "rib_left_6").mean() < 1200
    assert hounsfield(subject, "trachea").mean() < -900
    assert subject.volume.data.min() == -1000
    assert subject.volume.data[0, 0, 0, 0] == -1000
    assert (subject.volume.data > -150).float().mean() > 0.3  # a body, mostly soft


def test_lung_grows_denser_toward_the_back(subject):
    lobe = hounsfield(subject, "lung_upper_lobe_left")
    y = torch.from_numpy(places(subject, "lung_upper_lobe_left")[:, 1])
    air = lobe < -600  # not its vessels
    assert lobe[air & (y < -40)].mean() - lobe[air & (y > 30)].mean() > 20


def test_the_spinal_canal_is_no_bone(subject):
    assert hounsfield(subject, "spinal_cord").max() < 100


def test_the_scanners_frame_is_not_the_isocenters(subject):
    assert subject.isocenter.abs().min() > 5
    assert subject.volume.orientation == ("L", "P", "S")


def test_it_is_always_the_same():
    first, second = load_phantom(spacing=6.0), load_phantom(spacing=6.0)
    assert torch.equal(first.volume.data, second.volume.data)
    assert torch.equal(first.mask.data, second.mask.data)


def test_the_isocenter_and_the_organs_stay_where_they_are_at_another_spacing(subject):
    coarse = load_phantom(spacing=5.0)
    torch.testing.assert_close(coarse.isocenter, subject.isocenter, atol=1e-9, rtol=0)
    # A center of mass of some hundred voxels is good to a fraction of the coarse voxel.
    for name in ("heart", "liver", "vertebrae_T8"):
        shift = places(coarse, name).mean(0) - places(subject, name).mean(0)
        assert np.abs(shift).max() < 1.5, name


def test_keywords_are_those_of_read():
    subject = load_phantom(
        8.0, "ribs", "PA", 2.0, attenuation="physical", center_volume=False, name="thorax"
    )
    assert set(subject.structures["group"]) == {"ribs"}
    assert subject.orientation == "PA"
    assert subject.bone_attenuation_multiplier == 2.0
    assert subject.isocenter.tolist() == [0, 0, 0]
    assert subject.name == "thorax"


@pytest.mark.parametrize("spacing", [0.0, -1.0, 21.0, (1.0, 2.0), float("nan"), "a", 1j])
def test_bad_spacings_are_refused(spacing):
    with pytest.raises(ValueError, match="`spacing` must be one or three numbers"):
        load_phantom(spacing=spacing)


@pytest.mark.parametrize(("name", "meant"), [("spacng", "spacing"), ("fiducial", "fiducials")])
def test_misspelled_arguments_are_no_attributes(name, meant):
    with pytest.raises(TypeError, match=f"no argument `{name}`: is it `{meant}`"):
        load_phantom(**{name: 16.0})
