"""Render the thorax phantom without a window, and say where the pictures are."""

from pathlib import Path

from napari_drr.cli import main

FOLDER = Path("demo-output")
VIEWS = {"pa": "PA", "left_lateral": "left lateral", "lao_30": "LAO 30"}

FOLDER.mkdir(exist_ok=True)
for name, view in VIEWS.items():
    path = FOLDER / f"phantom_{name}.png"
    main(["render", "phantom", "--view", view, "-o", str(path), "--quiet"])
    print(path.resolve())
