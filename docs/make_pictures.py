"""Make the pictures of README and docs from the real program: `make pictures`.

Windows are photographed by napari itself; it needs a display, such as Xvfb's. The tutorial's are
what its own code draws. All show the phantom: no patient's data, nor the example CT's.
"""

import os
import re
import tempfile
from pathlib import Path

os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")  # not the user's
os.environ.pop("NAPARI_DRR_DATA", None)

import matplotlib
import napari
from PIL import Image
from qtpy.QtTest import QTest

from napari_drr import session

DOCS = Path(__file__).parent
TUTORIAL = DOCS / "tutorials" / "how_to_use.md"
WIDTH, HEIGHT = 1280, 800
CORONAL = (1, 0, 2)
PAINTED_MS = 500


def save(picture: Image.Image, path: Path, colors: int) -> None:
    """Write a small PNG of so many colors."""
    path.parent.mkdir(exist_ok=True)
    small = picture.convert("RGB").quantize(colors, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def window(name: str, viewer: napari.Viewer) -> None:
    """Photograph the whole window when it is painted."""
    QTest.qWait(PAINTED_MS)
    pixels = viewer.screenshot(canvas_only=False, flash=False)
    save(Image.fromarray(pixels), DOCS / "images" / f"{name}.png", colors=256)


def make_windows() -> None:
    """Photograph the dock with the phantom's radiographs."""
    viewer = napari.Viewer(title="napari")
    viewer.window.resize(WIDTH, HEIGHT)
    viewer.open_sample("napari-drr", "phantom")
    viewer.window.add_plugin_dock_widget("napari-drr", "DRR")
    QTest.qWait(PAINTED_MS)

    s = session(viewer)
    viewer.dims.order = CORONAL
    s.view("PA")
    s.render()  # reads the CT and compiles, so that the pictures tell what a render takes
    s.masks = {"labels"}
    s.render()
    s.output("DRR structures").opacity = 0.35
    window("window", viewer)

    viewer.layers.remove("DRR structures")
    s.masks = ()
    s.structures.hide("ribs")
    s.view("LAO", angle_deg=30)
    s.render()
    viewer.layers.selection.active = s.output()
    window("lao", viewer)
    viewer.close()


def make_tutorial_pictures() -> None:
    """Run the tutorial, and keep those of its pictures that it shows."""
    matplotlib.use("Agg")
    text = TUTORIAL.read_text(encoding="utf-8")
    shown = re.findall(r"\]\(images/(\w+)\.png\)", text)
    code = "".join(re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            exec(compile(code, str(TUTORIAL), "exec"), {"__name__": "tutorial"})
            for name in shown:
                with Image.open(f"{name}.png") as picture:
                    save(picture, TUTORIAL.parent / "images" / f"{name}.png", colors=64)
        finally:
            os.chdir(before)


if __name__ == "__main__":
    make_windows()
    make_tutorial_pictures()
