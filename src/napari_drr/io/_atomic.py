"""Writing a file as a whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EISDIR, ENOENT
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path to write to, whose file takes the place of `path` once it is complete.

    It lies in the same folder, so that the last step is a rename; whatever goes wrong, `path` stays
    as it was and nothing else is left behind.

    Args:
        path: Where the file shall be.

    Yields:
        A path in the same folder with the same ending.

    Raises:
        OSError: If the file can't be written; the message names `path` and the reason.
    """
    try:
        _check_target(path)
        # Not by `tempfile`, whose files nobody else may read. Libraries know endings in small
        # letters only.
        part = path.with_name(f".{secrets.token_hex(8)}{''.join(path.suffixes[-2:]).lower()}")
        try:
            yield part
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise type(error)(f'Can\'t write "{path}": {error.strerror or error}.') from error


def _check_target(path: Path) -> None:
    if not path.parent.is_dir():
        raise FileNotFoundError(ENOENT, f'there is no folder "{path.parent}"')
    if path.is_dir():
        raise IsADirectoryError(EISDIR, "it is a folder")
