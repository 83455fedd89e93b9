"""The tutorial's own code, run block by block, and what it must have made."""

import re
from pathlib import Path

import matplotlib
import pytest
import torch
from matplotlib import pyplot

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "how_to_use.md"


def code_blocks(page):
    """The page's Python blocks, each with the line that it begins at."""
    text = page.read_text(encoding="utf-8")
    for block in re.finditer(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        yield text[: block.start(1)].count("\n"), block[1]


def run(page):
    """Run the page as a reader would, in one namespace, and return that."""
    namespace = {"__name__": "tutorial"}
    for line, code in code_blocks(page):
        # Empty lines keep the line numbers of tracebacks those of the page.
        exec(compile("\n" * line + code, str(page), "exec"), namespace)
    return namespace


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory):
    """The namespace that the tutorial leaves, run on the phantom, offline."""
    folder = tmp_path_factory.mktemp("tutorial")
    with pytest.MonkeyPatch.context() as patch, matplotlib.rc_context():
        patch.delenv("NAPARI_DRR_DATA", raising=False)
        patch.chdir(folder)
        matplotlib.use("Agg")
        namespace = run(PAGE)
        pyplot.close("all")
    return {**namespace, "folder": folder}


def relative_difference(image, other):
    return ((image - other).abs().max() / other.abs().max()).item()


def test_one_radiograph(tutorial):
    assert tutorial["image"].shape == (1, 1, 200, 200)
    assert tutorial["image"].max() > 0
    assert torch.equal(tutorial["image"], tutorial["whole"])


def test_a_batch_is_one_after_the_other(tutorial):
    images = tutorial["images"]
    alone = tutorial["drr"](
        tutorial["rotations"][1:], tutorial["translation"], degrees=True, **tutorial["euler"]
    )

    assert images.shape == (2, 1, 200, 200)
    assert torch.equal(images[1:], alone)


def test_channels_add_up(tutorial):
    channels, subject = tutorial["channels"], tutorial["subject"]

    assert channels.shape == (1, int(subject.mask.data.max()) + 1, 200, 200)
    # Channels are summed in another order than the radiograph: float32's rounding.
    assert tutorial["difference"] < 1e-5


def test_groups_are_where_their_structures_are(tutorial):
    groups, structures = tutorial["groups"], tutorial["subject"].structures
    wanted = {"skeleton", "ribs", "vertebrae", "cardiac", "organs", "muscles"}

    assert set(groups) == wanted & set(structures["group"])
    ribs, _ = tutorial["drr"].channels(tutorial["pose"], structures=["ribs"])
    assert relative_difference(groups["ribs"], ribs.sum(dim=1, keepdim=True)) < 1e-5


def test_named_channels(tutorial):
    left, names, subject = tutorial["left"], tutorial["names"], tutorial["subject"]
    ids = dict(zip(subject.structures["structure"], subject.structures["id"], strict=True))

    assert names[:2] == ["rib_left_1", "rib_left_2"]
    assert left.shape[1] == len(names)
    dense = tutorial["channels"][:, [ids[name] for name in names]]
    assert relative_difference(left, dense) < 1e-5


def test_weights_take_structures_away(tutorial):
    without = tutorial["whole"] - tutorial["groups"]["ribs"]

    assert relative_difference(tutorial["no_ribs"], without) < 1e-5


def test_a_subset_is_the_sum_of_its_channels(tutorial):
    groups = tutorial["groups"]

    assert relative_difference(tutorial["subset"], groups["ribs"] + groups["vertebrae"]) < 1e-5


def test_bone_multipliers(tutorial):
    none, one, *more = tutorial["bones"]

    assert relative_difference(one, tutorial["whole"]) == 0
    # The map is scaled to its maximum: the denser bone gets, the darker is all that is soft.
    soft = (tutorial["groups"]["ribs"] + tutorial["groups"]["vertebrae"] == 0) & (one > 0)
    means = [image[soft].mean().item() for image in (none, one, *more)]
    assert means == sorted(means, reverse=True)


def test_reductions(tutorial):
    largest, top_50 = tutorial["reduced"]
    whole = tutorial["whole"]

    # Rounding of sums aside, no sample exceeds 50 of them, and these not all of them.
    assert (largest <= top_50 + 1e-4).all()
    assert (top_50 <= whole + 1e-4 * whole.max()).all()
    assert (top_50 > 1.5 * largest)[whole > 0.5 * whole.max()].all()


def test_sparse(tutorial):
    tenth, whole = tutorial["tenth"], tutorial["whole"]
    drawn = tenth != 0

    assert 0.8 * 0.1 * (whole > 0).sum() < drawn.sum() <= 0.1 * whole.numel()
    assert relative_difference(tenth[drawn], whole[drawn]) < 1e-6


def test_trilinear_comes_near_with_more_points(tutorial):
    coarse, *_, fine = (
        (image - tutorial["sampled"][-1]).abs().mean() for image in tutorial["sampled"][:-1]
    )

    assert fine < coarse
    # Another model of the volume between voxel centers: alike, not equal.
    assert (tutorial["sampled"][-1] - tutorial["whole"]).abs().mean() < (
        0.02 * tutorial["whole"].mean()
    )


@pytest.mark.parametrize("orientation", ["AP", "PA"])
def test_pinhole_camera_sees_the_same(tutorial, orientation):
    # Rays of the two differ by rounding in float64.
    assert tutorial["differences"][orientation] < 1e-6


def test_figures_are_written(tutorial):
    pictures = {path.stem for path in tutorial["folder"].glob("*.png")}

    assert pictures >= {"one", "batch", "groups", "bone", "trilinear", "pinhole_PA"}
