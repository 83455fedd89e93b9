"""Writing a file as a whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
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
    if not path.parent.is_dir():
        raise FileNotFoundError(f'Can\'t write "{path}": there is no folder "{path.parent}".')
    if path.is_dir():
        raise IsADirectoryError(f'Can\'t write "{path}": it is a folder.')
    # Not by `tempfile`, whose files nobody else may read.
    part = path.with_name(f".{secrets.token_hex(4)}-{path.name}")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        raise type(error)(f'Can\'t write "{path}": {error.strerror or error}.') from error
    finally:
        part.unlink(missing_ok=True)
