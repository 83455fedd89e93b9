"""The live tool in a real window: `python -m benchmarks.live_window FOLDER [--quick | --open]`.

Prints one JSON line with what each step took, in seconds; `--open` goes no further than the opening
of window and dock. An update is painted when the canvas has swapped its frame.
"""

import json
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QApplication

from benchmarks.scene_files import load_scene

PATIENCE_SECONDS = 20.0
STRUCTURES = 118
DRAG_SECONDS, MOUSE_SECONDS = 3.0, 0.008
SIZE = (1280, 800)

Seconds = list[float]


class Window:
    """A napari window with the CT, its labels and the dock, and what was seen of it."""

    def __init__(self, folder: Path) -> None:
        import napari

        started = time.perf_counter()
        self.viewer = napari.Viewer()
        self.viewer.window.resize(*SIZE)
        self.viewer_s = time.perf_counter() - started
        self._add_layers(folder)
        self.wait(1.0)
        started = time.perf_counter()
        _, self.dock = self.viewer.window.add_plugin_dock_widget("napari-drr", "DRR")
        QApplication.processEvents()
        self.dock_s = time.perf_counter() - started
        self.session = self.dock.session
        self.canvas = self._main_canvas()
        self.paints = 0
        self.results: list[Any] = []
        self._condition: Callable[[], bool] | None = None
        self._loop = QEventLoop()
        self.canvas.frameSwapped.connect(self._on_painted)
        self.session.events.rendered.connect(self._on_rendered)
        self.blocked = 0.0
        self._time_deliveries()

    def _add_layers(self, folder: Path) -> None:
        import torch
        import torchio

        from napari_drr.viewer import layers
        from napari_drr.volume.structures import name_labels

        scene = load_scene(folder)
        labels = split_labels(np.array(scene.labels), STRUCTURES)
        image = torchio.ScalarImage(
            tensor=torch.from_numpy(np.array(scene.hounsfield))[None], affine=scene.affine
        )
        mask = torchio.LabelMap(tensor=torch.from_numpy(labels)[None], affine=scene.affine)
        table = name_labels([int(label) for label in np.unique(labels) if label])
        voxels, how, _ = layers.image_layer_data(image, "CT")
        self.viewer.add_image(voxels, **how)
        voxels, how, _ = layers.labels_layer_data(mask, table, "labels")
        self.viewer.add_labels(voxels, **how, visible=False)

    def _main_canvas(self) -> QOpenGLWidget:
        canvases = self.dock.window().findChildren(QOpenGLWidget)
        return max(canvases, key=lambda canvas: canvas.width() * canvas.height())

    def _time_deliveries(self) -> None:
        """Count what deliveries take on the main thread, as well as what sliders do."""
        rendering = self.session._rendering
        receive = rendering._receive

        def timed(outcome: Any) -> None:
            start = time.perf_counter()
            receive(outcome)
            self.blocked += time.perf_counter() - start

        rendering._receive = timed

    def _on_painted(self) -> None:
        self.paints += 1
        self._check()

    def _on_rendered(self, result: Any) -> None:
        self.results.append(result)
        del self.results[:-4]  # what a benchmark keeps is no leak of the session's
        self._check()

    def _check(self) -> None:
        if self._condition is not None and self._condition():
            self._loop.quit()

    def until(self, condition: Callable[[], bool]) -> None:
        """Sleep in Qt's event loop until a paint or a result makes something true."""
        if condition():
            return
        self._condition = condition
        timer = QTimer()
        timer.setSingleShot(True)
        timer.timeout.connect(self._loop.quit)
        timer.start(int(PATIENCE_SECONDS * 1000))
        self._loop.exec()
        timer.stop()
        self._condition = None
        if not condition():
            raise TimeoutError("The window did not show what was asked for.")

    def wait(self, seconds: float) -> None:
        """Leave the window alone."""
        loop = QEventLoop()
        QTimer.singleShot(int(seconds * 1000), loop.quit)
        loop.exec()

    def painted(self, change: Callable[[], None]) -> float:
        """Return how long a change takes until it is painted."""
        start, count = time.perf_counter(), self.paints
        change()
        self.until(lambda: self.paints > count)
        return time.perf_counter() - start


def split_labels(labels: np.ndarray, wanted: int) -> np.ndarray:
    """Cut the largest structures in two along the body until there are so many."""
    sizes = np.bincount(labels.ravel())
    present = [label for label in range(1, len(sizes)) if sizes[label]]
    free = [label for label in range(1, 255) if label not in present]
    largest = sorted(present, key=lambda label: -sizes[label])
    for label in largest[: max(0, wanted - len(present))]:
        slices = np.flatnonzero((labels == label).any((0, 1)))
        upper = labels[:, :, slices[len(slices) // 2] :]
        upper[upper == label] = free.pop(0)
    return labels


def precomputed(window: Window, repeats: int) -> Seconds:
    """Time what napari takes to paint an image that is there already, put into the same layer."""
    layer = window.session.output()
    images = [layer.data * (1 + i / 1000) for i in range(4)]
    return [
        window.painted(lambda i=i: setattr(layer, "data", images[i % 4])) for i in range(repeats)
    ]


def awaited(window: Window, positions: int, first: float = -50.0) -> dict[str, Seconds]:
    """Move the slider of alpha, each position awaited until it is painted."""
    row = window.dock.pose.rows["pose.alpha_deg"]
    painted, blocked = [], []
    row.slider.setSliderDown(True)
    for position in range(positions):
        angle = round(first + position, 1)
        start, window.blocked = time.perf_counter(), 0.0
        row.slider.setValue(angle)
        handled, delivered = time.perf_counter() - start, window.blocked
        window.until(lambda a=angle: window.results[-1].recipe.pose.alpha_deg == a)
        count = window.paints
        window.until(lambda c=count: window.paints > c)
        painted.append(time.perf_counter() - start)
        # What was delivered within the slider's own call is counted once.
        blocked.append(handled + window.blocked - delivered)
    released = time.perf_counter()
    row.slider.setSliderDown(False)
    window.until(lambda: not window.results[-1].is_preview)
    count = window.paints
    window.until(lambda: window.paints > count)
    full = time.perf_counter() - released
    return {"painted": painted, "blocked": blocked, "release": [full]}


def drag(window: Window) -> float:
    """Move the slider without a rest; return how many frames were painted in a second."""
    row = window.dock.pose.rows["pose.alpha_deg"]
    angle, shown = [0.0], [0]
    window.session.events.rendered.connect(lambda result: shown.__setitem__(0, shown[0] + 1))

    def move() -> None:
        angle[0] += 0.3
        row.slider.setValue(round(angle[0], 1))

    row.slider.setSliderDown(True)
    timer = QTimer()
    timer.timeout.connect(move)
    count, results = window.paints, shown[0]
    timer.start(int(MOUSE_SECONDS * 1000))
    window.wait(DRAG_SECONDS)
    timer.stop()
    frames = min(window.paints - count, shown[0] - results) / DRAG_SECONDS
    row.slider.setSliderDown(False)
    window.until(lambda: not window.results[-1].is_preview)
    return frames


def weights(window: Window, repeats: int) -> dict[str, Seconds]:
    """Weigh and hide structures at one pose."""
    structures = window.session.structures
    ids = [structure.id for structure in structures]
    painted, blocked = [], []
    for i in range(repeats):
        label, newest = ids[i % len(ids)], window.results[-1]
        start, window.blocked = time.perf_counter(), 0.0
        if i % 2:
            structures.hide(label)
        else:
            structures.set_weight(0.503 + i / 100, label)
        handled, delivered = time.perf_counter() - start, window.blocked
        window.until(lambda n=newest: window.results[-1] is not n)
        count = window.paints
        window.until(lambda c=count: window.paints > c)
        painted.append(time.perf_counter() - start)
        blocked.append(handled + window.blocked - delivered)
    structures.show()
    structures.set_weight(1.0)
    return {"painted": painted, "blocked": blocked}


def endurance(window: Window, changes: int) -> dict[str, float]:
    """Change the pose many times; return what has grown."""
    before = grown(window)
    for i in range(changes):
        angle = float(i % 90)
        window.session.pose.alpha_deg = angle
        window.until(lambda a=angle: window.results[-1].recipe.pose.alpha_deg == a)
    window.wait(2.0)
    after = grown(window)
    return {name: after[name] - before[name] for name in before} | {"changes": changes}


def grown(window: Window) -> dict[str, float]:
    """Count what a leak would add to."""
    import gc

    gc.collect()
    status = Path("/proc/self/status")
    resident = 0.0
    if status.is_file():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmRSS"))
        resident = int(line.split()[1]) / 1024
    threads, layers = threading.active_count(), len(window.viewer.layers)
    return {"rss_mb": resident, "threads": threads, "layers": layers}


def opened(folder: Path) -> dict[str, Seconds]:
    """Open window and dock only."""
    window = Window(folder)
    told = {"viewer": [window.viewer_s], "dock": [window.dock_s]}
    window.wait(1.0)
    window.viewer.close()
    return told


def measure(folder: Path, quick: bool) -> dict[str, Any]:
    """Go through all steps in one window."""
    window = Window(folder)
    session = window.session
    told: dict[str, Any] = {"viewer": [window.viewer_s], "dock": [window.dock_s]}
    repeats = 20 if quick else 100
    session.view("PA")
    session.live = True
    window.until(lambda: bool(window.results) and not window.results[-1].is_preview)
    window.wait(3.0)  # kernels compile, structures are rendered apart
    window.dock.structures  # noqa: B018 - part of the dock that is measured
    awaited(window, 20)  # previews find their size
    window.wait(1.0)
    told["precomputed"] = precomputed(window, repeats)
    releases: Seconds = []
    for run in range(2 if quick else 5):
        # Other angles each time: an image that was shown last is not rendered again.
        part = awaited(window, repeats // 5 if not quick else 10, -49.9 + run / 10)
        told.setdefault("painted", []).extend(part["painted"])
        told.setdefault("blocked", []).extend(part["blocked"])
        releases += part["release"]
        window.wait(0.5)
    told["release"] = releases
    told["precomputed again"] = precomputed(window, repeats)
    told["frames"] = drag(window)
    window.wait(1.5)
    part = weights(window, repeats)
    told |= {"weight painted": part["painted"], "weight blocked": part["blocked"]}
    window.wait(3.0)  # structures are rendered apart once more
    told["endurance"] = endurance(window, 200 if quick else 1000)
    told["preview"] = list(session._rendering.pace.shape(200, 200))
    for number in range(20):
        window.viewer.add_image(np.zeros((8, 8), np.float32), name=str(number), visible=False)
    window.wait(1.0)
    told["blocked, 20 more layers"] = awaited(window, 20)["blocked"]
    told["precomputed median"] = statistics.median(told["precomputed"] + told["precomputed again"])
    window.viewer.close()
    return told


def main() -> None:
    """Measure and print."""
    folder = Path(sys.argv[1])
    only_open, quick = "--open" in sys.argv, "--quick" in sys.argv
    print(json.dumps(opened(folder) if only_open else measure(folder, quick)))


if __name__ == "__main__":
    main()
