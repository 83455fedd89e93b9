"""The same on a GPU: wall time, the GPU's own time, and how it compares with copying memory."""

from typing import Any

import torch

from benchmarks.case import Case
from benchmarks.geometry import crossings, span, voxel_rays
from benchmarks.groups import Bench
from benchmarks.measure import take_turns
from benchmarks.tables import Row

NO_GPU = "not measured: no CUDA GPU here"
SIZES, BATCHES = (200, 512), (1, 32)
COPIED_BYTES, COPIES = 2**30, 20
BYTES_OF_VALUE, BYTES_OF_LABEL, CORNERS = 4, 1, 8


def measure(bench: Bench) -> list[Row]:
    """Measure all cases, or say that none is."""
    if not torch.cuda.is_available():
        return [{"what": what, **case.to_dict(), "note": NO_GPU} for what, case in _all()]
    bandwidth = copy_bandwidth()
    rows: list[Row] = [{"what": "copy", "device": "cuda", "gb_per_s": round(bandwidth, 1)}]
    for what, together in rounds().items():
        for row in take_turns(together, bench.programs, bench.short):
            rows.append({"what": what, **row, **_traffic(bench, row, bandwidth)})
    return rows


def rounds() -> dict[str, list[Case]]:
    """Pair every case of ours with the peer's."""
    found: dict[str, list[Case]] = {}
    for size in SIZES:
        for batch in BATCHES:
            for channels in (False, True):
                for backward in (False, True):
                    how: dict[str, Any] = {"size": size, "batch": batch, "channels": channels}
                    how |= {"backward": backward, "device": "cuda"}
                    name = ", ".join(f"{key} {value}" for key, value in how.items())
                    trilinear = Case("ours", renderer="trilinear", **how)
                    siddon = Case("ours", **how)
                    found[f"trilinear, {name}"] = [trilinear, trilinear.of("nanodrr")]
                    found[f"siddon, {name}"] = [siddon, siddon.of("diffdrr")]
    return found


def _all() -> list[tuple[str, Case]]:
    return [(what, case) for what, together in rounds().items() for case in together]


def copy_bandwidth() -> float:
    """Return GB/s, read and written, of copying device memory."""
    source = torch.empty(COPIED_BYTES, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    target.copy_(source)
    first.record()
    for _ in range(COPIES):
        target.copy_(source)
    last.record()
    torch.cuda.synchronize()
    return 2 * COPIED_BYTES * COPIES / (first.elapsed_time(last) / 1e3) / 1e9


def _traffic(bench: Bench, row: Row, bandwidth: float) -> Row:
    """Return the values that a forward render loads, per second, as a share of the bandwidth.

    Every load counts, also those that a cache serves: the share can exceed 1.
    """
    if row["backward"] or not row.get("gpu_median_ms"):
        return {}
    case = Case(**{name: row[name] for name in Case.__dataclass_fields__})
    loaded = loaded_bytes(bench, case) / 1e9 / (row["gpu_median_ms"] / 1e3)
    return {"loaded_gb_per_s": round(loaded, 1), "share_of_copy": round(loaded / bandwidth, 3)}


def loaded_bytes(bench: Bench, case: Case) -> float:
    """Return bytes of voxels and labels that the rays of a case meet."""
    scene = bench.scenes[case.scene]
    rays = voxel_rays(case, scene.affine)
    label = BYTES_OF_LABEL if case.channels else 0
    if case.renderer == "siddon":
        return case.batch * crossings(rays, scene.density.shape) * (BYTES_OF_VALUE + label)
    first, last = span(rays, scene.density.shape)
    samples = case.batch * case.n_points * int((last > first).sum())
    return float(samples * (CORNERS * BYTES_OF_VALUE + label))
