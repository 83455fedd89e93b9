"""Compile the Triton kernels for a GPU that need not be there; print what came out as JSON."""

import json
import sys
from importlib import import_module

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

POINTERS = {
    "out": "*fp32",
    "grad": "*fp32",
    "grad_volume": "*fp32",
    "partials": "*fp64",
    "best_label": "*i32",
    "best_amount": "*fp32",
    "volume": "*fp32",
    "lines": "*fp64",
    "pixels": "*i64",
    "labels": "*u8",
    "channels": "*i32",
    "weights": "*fp32",
}
PLAIN = {
    "WEIGHED": False,
    "HAS_PIXELS": False,
    "LANES_ARE_POSES": False,
    "WIDE": False,
    "TILE_HEIGHT": 8,
    "TILE_WIDTH": 8,
    "FIX": 16,
    "WANT_VOLUME": True,
    "WANT_LINES": True,
    "WANT_WEIGHTS": False,
}
SUM, MAX, MIP, CHANNELS = ({"MODE": mode} for mode in range(4))
LABELLED = {"WEIGHED": True, "FIX": 1, "WANT_WEIGHTS": True}
KERNELS = {
    "forward": [SUM, MAX, MIP | LABELLED | {"WIDE": True}, CHANNELS | LABELLED],
    "backward_sum": [SUM | {"HAS_PIXELS": True}, CHANNELS | LABELLED | {"WIDE": True}],
    "backward_largest": [MAX, MIP | LABELLED | {"LANES_ARE_POSES": True}],
}


def compile_kernel(name, flags):
    """Return the code for an NVIDIA GPU of compute capability 8.0."""
    module = import_module(f"napari_drr.rendering.kernels._triton.{name}")
    kernel = getattr(module, name)
    flags = {n: v for n, v in (PLAIN | flags).items() if n in kernel.arg_names}
    types = {n: POINTERS.get(n, "i32") for n in kernel.arg_names}
    source = ASTSource(kernel, types | dict.fromkeys(flags, "constexpr"), flags)
    options = {"num_warps": 2, "enable_fp_fusion": False}
    return triton.compile(source, target=GPUTarget("cuda", 80, 32), options=options)


if __name__ == "__main__":
    found = {}
    for which, variants in KERNELS.items():
        for renderer in ("siddon", "trilinear"):
            for flags in variants:
                code = compile_kernel(f"{renderer}_{which}", flags).asm
                fused = code["ptx"].count("fma.rn.f64")
                found[f"{renderer}_{which} {flags}"] = {"bytes": len(code["cubin"]), "fused": fused}
    json.dump(found, sys.stdout)
