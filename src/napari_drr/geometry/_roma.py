"""roma, imported so that a process with an OpenGL canvas outlives it.

roma imports torch's compiler, and that imports triton where it is installed, as with torch's CUDA
wheels. libtriton holds an LLVM, and Mesa's OpenGL drivers, which napari's canvas has loaded by
then, hold another. Bound to the wrong one, libtriton ends the process with a segmentation fault
(triton 3.7.1 and Mesa 22.3.6 with LLVM 15). `RTLD_DEEPBIND` binds it to its own.
"""

import os
import sys
from importlib import import_module
from importlib.util import find_spec


def _load_triton() -> None:
    """Load libtriton bound to its own LLVM; nothing where there is none, or no such flag."""
    if not hasattr(os, "RTLD_DEEPBIND") or "triton" in sys.modules or not find_spec("triton"):
        return
    flags = sys.getdlopenflags()
    sys.setdlopenflags(flags | os.RTLD_DEEPBIND)
    try:
        import_module("triton._C.libtriton")
    except ImportError:
        pass  # a triton that can't be imported: torch does without it, too
    finally:
        sys.setdlopenflags(flags)


_load_triton()

import roma  # noqa: E402 - it imports triton, which has to be loaded as above by then

__all__ = ["roma"]
