"""What is drawn on real axes (matplotlib's Agg canvas)."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot

from napari_drr.plotting import plot_drr, plot_mask


@pytest.fixture(autouse=True)
def agg():
    with matplotlib.rc_context():
        matplotlib.use("Agg")
        yield
        pyplot.close("all")


def corner(batch=1, channels=1, height=8, width=12):
    """Zero but for the top right pixel of every image."""
    img = torch.zeros(batch, channels, height, width)
    img[..., 0, -1] = 1.0
    return img


def screen(ax):
    """The pixels that the axes show, rows from the top, with no frame and no ticks."""
    figure = ax.figure
    ax.set_axis_off()
    figure.canvas.draw()
    x0, y0, x1, y1 = ax.get_window_extent().extents.round().astype(int)
    pixels = np.asarray(figure.canvas.buffer_rgba())[::-1][y0:y1, x0:x1][::-1]
    return pixels[..., :3].astype(int)


class TestPlotDrr:
    def test_one_axes_for_each_image(self):
        img = torch.rand(3, 1, 8, 12, generator=torch.Generator().manual_seed(0))

        axes = plot_drr(img, title=["a", "b", "c"])

        assert [ax.get_xlabel() for ax in axes] == ["a", "b", "c"]
        for ax, image in zip(axes, img[:, 0], strict=True):
            np.testing.assert_array_equal(ax.images[0].get_array(), image)

    def test_one_title_for_all(self):
        assert [ax.get_xlabel() for ax in plot_drr(corner(2), "AP")] == ["AP", "AP"]

    def test_top_right_is_top_right(self):
        (ax,) = plot_drr(corner())
        bright = screen(ax).sum(axis=2) > 600

        rows, columns = np.nonzero(bright)
        height, width = bright.shape

        assert rows.max() < height / 4
        assert columns.min() > width * 3 / 4

    def test_ticks_number_pixels_from_one(self):
        (ax,) = plot_drr(corner())

        assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "12"]
        assert [label.get_text() for label in ax.get_yticklabels()] == ["1", "8"]
        assert list(ax.get_xticks()) == [0, 11]

    def test_ticks_can_be_left_out(self):
        (ax,) = plot_drr(corner(), ticks=False)

        assert len(ax.get_xticks()) == len(ax.get_yticks()) == 0

    def test_draws_on_axes_of_the_caller(self):
        _, mine = pyplot.subplots(2, 2)

        axes = plot_drr(corner(4), axs=mine)

        assert list(axes) == list(mine.ravel())
        assert all(ax.images for ax in mine.ravel())

    def test_single_axes(self):
        _, mine = pyplot.subplots()

        plot_drr(corner(), axs=mine, cmap="viridis", vmin=-1.0, vmax=2.0)

        assert mine.images[0].get_clim() == (-1.0, 2.0)
        assert mine.images[0].get_cmap().name == "viridis"

    def test_channels_are_summed_and_masked(self):
        img = corner(channels=3)

        (ax,) = plot_drr(img)
        drawn, *masks = ax.images

        assert drawn.get_array()[0, -1] == 3
        assert len(masks) == 2  # the first channel is the background

    def test_takes_images_with_gradients(self):
        plot_drr(corner().requires_grad_())

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                {"img": torch.zeros(8, 12)},
                r"batch of images .* got \(8, 12\).* `img\[None, None\]`",
            ),
            ({"title": ["a"]}, "`title` must be one text, or one for each of the 2 images, got 1"),
            ({"axs": [None, None, None]}, "`axs` must hold one Axes for each of the 2 .* got 3"),
        ],
    )
    def test_rejects(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            plot_drr(**{"img": corner(2), **arguments})

    def test_without_matplotlib_says_what_to_install(self):
        script = (
            "import sys; sys.modules['matplotlib'] = None\n"
            "import torch; from napari_drr.plotting import plot_drr\n"
            "plot_drr(torch.zeros(1, 1, 4, 4))"
        )

        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

        assert result.stderr.strip().endswith(
            "ImportError: Drawing needs matplotlib, which is not installed: "
            "`pip install napari-drr[plot]`."
        )


class TestPlotMask:
    def test_colors_the_positive_pixels(self):
        (ax,) = plot_drr(torch.zeros(1, 1, 8, 12))
        plot_mask(corner(), ax, colors=["rgb(255,0,0)"], alpha=1.0)

        pixels = screen(ax)
        red = (pixels == [255, 0, 0]).all(axis=2)
        rows, columns = np.nonzero(red)

        assert rows.max() < red.shape[0] / 4
        assert columns.min() > red.shape[1] * 3 / 4
        assert (pixels[~red] < 10).mean() > 0.95  # the rest stays black

    def test_colors_take_turns(self):
        img = corner(batch=2, channels=3)

        masks = plot_mask(
            img, plot_drr(img[:, :1]), colors=["rgb(1,2,3)", "lime"], return_masks=True
        )

        assert masks.shape == (2, 3, 8, 12, 4)
        assert masks.dtype == torch.uint8
        assert masks[1, :, 0, -1].tolist() == [[1, 2, 3, 255], [0, 255, 0, 255], [1, 2, 3, 255]]
        assert not masks[:, :, 1:].any()

    def test_draws_only_the_channels_that_are_there(self):
        img = corner(channels=100)
        img[:, 3:] = 0

        (ax,) = plot_drr(img[:, :1])
        plot_mask(img, ax)

        assert len(ax.images) == 1 + 3

    def test_returns_nothing_unless_asked(self):
        assert plot_mask(corner(), plot_drr(corner())) is None

    def test_rejects_too_few_axes(self):
        with pytest.raises(ValueError, match="one Axes for each of the 2 images, got 1"):
            plot_mask(corner(2), plot_drr(corner()))
