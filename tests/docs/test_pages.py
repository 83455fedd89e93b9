"""README and the page about napari: their code runs, and what they link to is there."""

import re
from pathlib import Path

import pytest
from napari.components import ViewerModel

from napari_drr import load_phantom
from napari_drr.cli._arguments import parser
from napari_drr.viewer import layers

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def blocks(page, language="python"):
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def viewer():
    """A viewer with the phantom, as one that the pages' readers have before them."""
    phantom = load_phantom(spacing=8.0, center_volume=False)
    viewer = ViewerModel()
    voxels, how, _ = layers.image_layer_data(phantom.volume, "phantom CT")
    viewer.add_image(voxels, **how)
    voxels, how, _ = layers.labels_layer_data(phantom.mask, phantom.structures, "phantom labels")
    viewer.add_labels(voxels, **how)
    return viewer


def test_the_code_of_the_readme_runs(viewer):
    in_napari, in_python, from_diffdrr = blocks("README.md")

    namespace = {"viewer": viewer}
    exec(in_napari, namespace)
    assert viewer.layers["DRR"].data.max() > 0

    exec(in_python, namespace)
    assert namespace["image"].shape == (1, 1, 200, 200)
    assert namespace["rotation"].grad.abs().sum() > 0
    assert (namespace["without_ribs"] <= namespace["image"] + 1e-3).all()

    exec(from_diffdrr, namespace)


def test_the_code_of_the_page_about_napari_runs(viewer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (console,) = blocks("docs/napari.md")
    namespace = {"viewer": viewer}
    exec(console, namespace)

    assert namespace["layer"].data.shape == (100, 100)
    assert "DRR structures" in viewer.layers
    assert (tmp_path / "view.drr.json").is_file()


def test_the_commands_of_the_readme_are_understood():
    commands = [
        line.removeprefix("napari-drr ")
        for block in blocks("README.md", "sh")
        for line in block.splitlines()
        if line.startswith("napari-drr ")
    ]
    assert len(commands) == 3
    for command in commands:
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', command)]
        assert parser().parse_args(words).ct


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("https://"):
            continue
        path, _, heading = target.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = [re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings]
            assert heading in anchors, target
