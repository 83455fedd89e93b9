"""The command line: `napari-drr render` and `napari-drr info`.

Nothing heavy is imported before the arguments are understood, so that `--help` is quick.
"""

import sys
import warnings
from argparse import Namespace
from collections.abc import Sequence
from typing import TextIO

from napari_drr.cli._arguments import UsageError, parser
from napari_drr.cli._interrupts import Interrupts
from napari_drr.cli._words import in_flags

__all__ = ["main"]

# What users can cause. Others are faults of ours, and show where they arise.
_EXPECTED = (ValueError, TypeError, OSError, MemoryError)
_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: The arguments; None takes those of the process.

    Returns:
        The exit status: 0, 2 after an error, or 130 after Ctrl-C.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    with Interrupts() as interrupts:
        try:
            options = parser().parse_args(_shielded(arguments))
            options.interrupts = interrupts
            return _run(options)
        except UsageError as error:
            return _fail(error)
        except KeyboardInterrupt:
            sys.stderr.write("napari-drr: interrupted\n")
            return _INTERRUPTED


def _run(options: Namespace) -> int:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = _show_warning
            options.run(options)
    except Exception as error:
        options.interrupts.check()  # an import may have made an error of it
        if options.debug or not isinstance(error, _EXPECTED):
            raise
        return _fail(error)
    options.interrupts.check()
    return 0


def _shielded(arguments: list[str]) -> list[str]:
    """Keep argparse from taking numbers such as -1e-3 for options (Python 3.11 to 3.13)."""
    return [f" {word}" if _is_negative(word) else word for word in arguments]


def _is_negative(word: str) -> bool:
    try:
        return word.startswith("-") and float(word) <= 0
    except ValueError:
        return False


def _fail(error: Exception) -> int:
    sys.stderr.write(f"napari-drr: {_one_line(error)}\n")
    return 2


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    sys.stderr.write(f"napari-drr: warning: {_one_line(message)}\n")


def _one_line(message: object) -> str:
    return " ".join(in_flags(str(message)).split()) or type(message).__name__
