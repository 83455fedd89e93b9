"""`python -m napari_drr.cli` is `napari-drr`."""

import sys

from napari_drr.cli import main

sys.exit(main())
