"""Too little memory, however torch says it."""

# On the CPU, on a GPU, and of sizes beyond 64 bits.
_SHORTAGES = ("allocate memory", "out of memory", "storage size calculation overflow")


def is_shortage(error: BaseException) -> bool:
    """Tell whether an error means that memory does not suffice.

    Args:
        error: What a render raised.
    """
    if isinstance(error, RuntimeError):
        return any(words in str(error).lower() for words in _SHORTAGES)
    return isinstance(error, MemoryError | OverflowError)
