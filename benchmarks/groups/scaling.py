"""How time grows with the image, the volume, the labels, the batch and the threads."""

from collections.abc import Callable, Iterable

from benchmarks.case import Case
from benchmarks.groups import Bench
from benchmarks.groups.limits import cube_refusal, memory_refusal, time_refusal
from benchmarks.measure import take_turns
from benchmarks.tables import Row

SIDDON = Case("ours")
TRILINEAR = Case("ours", renderer="trilinear")
PLAIN = [SIDDON, TRILINEAR, SIDDON.of("diffdrr"), TRILINEAR.of("nanodrr")]
CHANNELS = [case.of(case.program, channels=True) for case in PLAIN]

SIZES = (100, 200, 400, 800, 1500)
CUBES = (128, 256, 512)
LABELS = (1, 10, 50, 119)
BATCHES = (1, 4, 16, 64)
THREADS = (1, 2)


def measure(bench: Bench) -> list[Row]:
    """Measure each series, the programs in turns at each value."""
    rows = _series(bench, "image size", SIZES, PLAIN, lambda c, v: c.of(c.program, size=v))
    for size in CUBES:
        rows += _cube(bench, size)
    for count in LABELS:
        scene = bench.scenes.labelled(count)
        rows += _series(bench, "labels", [count], CHANNELS, _in_scene(scene))
        bench.scenes.forget(scene)
    rows += _series(bench, "batch", BATCHES, PLAIN, lambda c, v: c.of(c.program, batch=v))
    return rows + _series(
        bench, "threads", THREADS, PLAIN, lambda c, v: c.of(c.program, threads=v), grows=False
    )


def _cube(bench: Bench, size: int) -> list[Row]:
    """Measure in a cube of voxels; the largest takes a gigabyte on disk."""
    if why := cube_refusal(size):
        row: Row = {"series": "volume", "value": size, "n": 0, "note": f"not measured: {why}"}
        return [{**row, **case.to_dict()} for case in PLAIN]
    scene = bench.scenes.cube(size)
    rows = _series(bench, "volume", [size], PLAIN, _in_scene(scene))
    bench.scenes.forget(scene)
    return rows


def _in_scene(scene: str) -> Callable[[Case, int], Case]:
    return lambda case, _: case.of(case.program, scene=scene)


def _series(
    bench: Bench,
    name: str,
    values: Iterable[int],
    cases: list[Case],
    change: Callable[[Case, int], Case],
    grows: bool = True,
) -> list[Row]:
    """Measure one series; a program drops out where a render would take too long."""
    rows: list[Row] = []
    seconds_per_ray: dict[Case, float] = {}
    for value in values:
        for first, second in _pairs(cases):
            both = [change(case, value) for case in (first, second)]
            refused = [
                _refusal(bench, case, seconds_per_ray.get(base, 0.0) if grows else 0.0)
                for base, case in zip((first, second), both, strict=True)
            ]
            tried = [case for case, why in zip(both, refused, strict=True) if not why]
            timed = iter(take_turns(tried, bench.programs, bench.short))
            for base, case, why in zip((first, second), both, refused, strict=True):
                row = {**case.to_dict(), "n": 0, "note": why} if why else next(timed)
                rows.append({"series": name, "value": value, **row})
                if row.get("median_ms"):
                    seconds_per_ray[base] = row["median_ms"] / 1e3 / rays(case)
    return rows


def _pairs(cases: list[Case]) -> list[tuple[Case, Case]]:
    """Pair ours with the peer that renders likewise."""
    ours = [case for case in cases if case.program == "ours"]
    return list(zip(ours, [case for case in cases if case.program != "ours"], strict=True))


def _refusal(bench: Bench, case: Case, seconds_per_ray: float) -> str:
    if missing := bench.programs[case.program].missing:
        return missing
    why = time_refusal(seconds_per_ray * rays(case))
    why = why or memory_refusal(case, bench.scenes[case.scene].density.shape)
    return f"not measured: {why}" if why else ""


def rays(case: Case) -> int:
    """Return the number of rays of a case."""
    return case.batch * case.size**2
