"""The most memory that a process held while it rendered, beyond what it held before."""

import ctypes
import gc
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MEGABYTE = 1e6
STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")
SAMPLE_SECONDS = 0.0005


def peak_while(run: Callable[[], Any]) -> tuple[float, str]:
    """Run, and return the peak beyond the memory held before, in MB, and how it was found.

    Linux keeps a process's peak and can be told to begin anew; elsewhere memory is sampled.
    """
    gc.collect()
    _give_back()
    if _begin_anew():
        before = _status("VmRSS")
        kept = run()
        peak, how = _status("VmHWM") - before, "kernel's peak"
    else:
        peak, how, kept = *_sampled_peak(run), None
    del kept
    return peak, how


def _give_back() -> None:
    """Have the C library return what it keeps after `free`, where small arrays would hide."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:  # glibc's
        trim(0)


def _begin_anew() -> bool:
    try:
        CLEAR_REFS.write_text("5")
    except OSError:
        return False
    return abs(_status("VmHWM") - _status("VmRSS")) < 1.0


def _status(name: str) -> float:
    for line in STATUS.read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024 / MEGABYTE
    raise OSError(f"{STATUS} has no {name}")


def _sampled_peak(run: Callable[[], Any]) -> tuple[float, str]:
    done = threading.Event()
    seen = [_resident()]

    def sample() -> None:
        while not done.is_set():
            seen.append(_resident())
            time.sleep(SAMPLE_SECONDS)

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        run()
    finally:
        done.set()
        sampler.join()
    return max(seen) - seen[0], f"sampled every {SAMPLE_SECONDS * 1e3} ms"


def _resident() -> float:
    statm = Path("/proc/self/statm")
    if statm.is_file():
        return int(statm.read_text().split()[1]) * 4096 / MEGABYTE
    import resource  # macOS: the peak so far, in bytes

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE


def available_mb() -> float:
    """Return the memory that can be taken without swapping, in MB; infinite where unknown."""
    meminfo = Path("/proc/meminfo")
    if not meminfo.is_file():
        return float("inf")
    for line in meminfo.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024 / MEGABYTE
    return float("inf")
