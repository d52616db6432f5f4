"""Edges by hand, by plain loops and by symmetry; and the command that draws them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

import jitconv
from jitconv.cli import app
from jitconv.filters import EDGE_FILTERS, FILTERS, SIGNED_FILTERS, detect, grey, pictures

STEP = np.array([[10, 10, 10, 0, 0, 0]] * 6)


def drawn(*shape, seed=0):
    """Return noise in 0..1."""
    return np.random.default_rng(seed).random(shape)


def test_the_courses_picture_gives_30_and_turned_round_minus_30():
    columns = [0, 30, 30, 0]
    assert detect(STEP, "vertical", pad="valid").response.tolist() == [columns] * 4
    turned = detect(STEP[:, ::-1], "vertical", pad="valid")
    assert turned.response.tolist() == [[-value for value in columns]] * 4
    joined = detect(STEP[:, ::-1], "vertical", pad="valid", absolute=True)
    assert joined.response.tolist() == [columns] * 4
    assert detect(STEP.T, "horizontal", pad="valid").response.T.tolist() == [columns] * 4
    assert not detect(STEP, "horizontal").response.any()


@pytest.mark.parametrize("name", EDGE_FILTERS)
def test_a_step_of_height_1_answers_1_towards_the_dark(name):
    step = STEP / 10
    for turns, angle in ((0, 0), (3, np.pi / 2), (1, -np.pi / 2)):
        found = detect(np.rot90(step, turns).copy(), name)
        assert found.response is None
        assert found.magnitude.max() == pytest.approx(1)
        np.testing.assert_allclose(found.orientation[found.magnitude > 0.5], angle, atol=1e-12)
    found = detect(step[:, ::-1].copy(), name)
    np.testing.assert_allclose(np.abs(found.orientation[found.magnitude > 0.5]), np.pi)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("pad", ["same", "valid"])
def test_a_flat_picture_has_no_edge_and_no_frame(name, pad):
    found = detect(np.full((5, 7), 0.5), name, pad=pad)
    assert found.magnitude.shape == ((5, 7) if pad == "same" else (3, 5))
    np.testing.assert_allclose(found.magnitude, 0, atol=1e-15)


@pytest.mark.parametrize("name", FILTERS)
def test_plain_loops_agree(name):
    picture = drawn(6, 5)
    padded = np.pad(picture, 1, mode="edge")
    plane = SIGNED_FILTERS.get(name, EDGE_FILTERS.get(name))
    across, down = np.zeros((6, 5)), np.zeros((6, 5))
    for row, column in np.ndindex(6, 5):
        window = padded[row : row + 3, column : column + 3]
        across[row, column], down[row, column] = np.sum(window * plane), np.sum(window * plane.T)
    found = detect(picture, name)
    wanted = np.abs(across) if name in SIGNED_FILTERS else np.hypot(across, down)
    np.testing.assert_allclose(found.magnitude, wanted, atol=1e-13)
    if found.response is not None:
        np.testing.assert_allclose(found.response, across, atol=1e-13)


@given(st.integers(3, 9), st.integers(3, 9), st.integers(0, 99))
def test_a_transposed_picture_swaps_the_directions(height, width, seed):
    picture = drawn(height, width, seed=seed)
    vertical, horizontal = detect(picture, "vertical"), detect(picture.T.copy(), "horizontal")
    np.testing.assert_allclose(vertical.response, horizontal.response.T, atol=1e-12)
    magnitude = detect(picture, "sobel").magnitude
    np.testing.assert_allclose(magnitude, detect(np.rot90(picture).copy()).magnitude.T[:, ::-1], atol=1e-12)


def test_a_batch_is_its_pictures_and_rgb_is_its_luminance():
    batch = drawn(3, 6, 7, 3).astype(np.float32)
    found = detect(batch, "scharr")
    for picture, magnitude in zip(batch, found.magnitude, strict=True):
        np.testing.assert_allclose(detect(picture, "scharr").magnitude, magnitude, rtol=1e-6)
        np.testing.assert_allclose(detect(grey(picture), "scharr").magnitude, magnitude, rtol=1e-6)
    assert found.magnitude.dtype == np.float32
    assert detect((255 * batch).astype(np.uint8)).magnitude.dtype == np.float32


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: detect(STEP, "sobol"), jitconv.ParameterError, "did you mean 'sobel'"),
        (lambda: detect(STEP, pad="full"), jitconv.ParameterError, "'same', 'valid'"),
        (lambda: detect(STEP[:2]), jitconv.ShapeError, "at least 3 pixels"),
        (lambda: detect(np.ones((5, 5, 2))), jitconv.ShapeError, "(H, W, 3)"),
        (lambda: detect(np.ones((5, 5), complex)), jitconv.DtypeError, "complex128"),
        (lambda: detect([[1, 2]]), jitconv.DtypeError, "list"),
        (lambda: grey(np.ones((5, 5))), jitconv.ShapeError, "(..., H, W, 3)"),
        (lambda: grey(np.ones((5, 5, 3), bool)), jitconv.DtypeError, "bool"),
    ],
)
def test_what_is_no_picture_is_refused(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)


@pytest.mark.parametrize("height", [3, 8, 9, 16, 17])
@pytest.mark.parametrize("colour", [False, True])
def test_bands_do_not_show(monkeypatch, height, colour):
    pixels = np.random.default_rng(0).integers(0, 256, (height, 6, 3), dtype=np.uint8)
    whole = pictures.find_edges(pixels, "sobel", colour=colour)
    monkeypatch.setattr(pictures, "BAND", 8)
    for one, other in zip(pictures.find_edges(pixels, "sobel", colour=colour), whole, strict=True):
        if one is None:
            assert other is None
        else:
            np.testing.assert_allclose(one, other, atol=1e-6)
    assert pictures.find_edges(pixels, "vertical", "valid").response.shape == (height - 2, 4)


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("name", FILTERS)
def test_a_flat_picture_is_drawn_without_edges_and_a_small_one_is_not_lost_in_rounding(name, colour):
    paper = np.full((40, 60, 3), [251, 246, 231], np.uint8)
    found = pictures.find_edges(paper, name, colour=colour)
    assert not pictures.white_on_black(found.magnitude).any()
    assert (pictures.two_colours(found.magnitude) == 255).all()
    paper[20, 30] = 0  # far fewer than a hundredth of the pixels
    drawn = pictures.white_on_black(pictures.find_edges(paper, name, colour=colour).magnitude)
    assert drawn.max() == 255
    drawn[19:22, 29:32] = 0
    assert not drawn.any()


def test_the_two_signs_are_drawn_alike():
    strong, none = np.array([[1.0, -1.0]]), np.zeros((1, 2))
    assert pictures.two_colours(strong).tolist() == [[[200, 20, 30], [20, 60, 200]]]
    assert pictures.two_colours(none).tolist() == [[[255] * 3] * 2]


# the command


def run(*arguments):
    """Run `jitconv edges` in this process."""
    return CliRunner().invoke(app, ["edges", *map(str, arguments)], catch_exceptions=True)


@pytest.fixture
def photograph(tmp_path):
    """Return a file: left half white, right half black."""
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:, :15] = 255
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def opened(file):
    """Return a picture's pixels."""
    with Image.open(file) as picture:
        return np.asarray(picture)


def test_the_command_draws_strength_sign_and_direction(photograph, tmp_path):
    out, direction = tmp_path / "new" / "edges.png", tmp_path / "direction.jpg"
    done = run(photograph, "-o", out, "--orientation", direction)
    assert done.exit_code == 0, done.output
    assert "sobel of photo.png, 30x20" in done.output
    edges = opened(out)
    assert edges.shape == (20, 30)
    assert edges[:, 14:16].min() == 255
    assert not edges[:, :13].any()
    assert opened(direction).shape == (20, 30, 3)
    assert run(photograph, "-o", out, "--filter", "vertical", "--pad", "valid").exit_code == 0
    red, _, blue = opened(out)[5, 14]
    assert opened(out).shape == (18, 28, 3)
    assert red > 2 * blue
    Image.open(photograph).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(photograph)
    run(photograph, "-o", out, "--filter", "vertical", "--pad", "valid")
    red, _, blue = opened(out)[5, 14]
    assert blue > 2 * red
    run(photograph, "-o", out, "--filter", "vertical", "--absolute")
    assert opened(out)[5, 15] == 255
    assert [one.name for one in (tmp_path / "new").iterdir()] == ["edges.png"]


def test_names_in_brackets_are_printed_as_they_are(photograph, tmp_path):
    named = photograph.rename(tmp_path / "photo[final].png")
    done = run(named, "-o", tmp_path / "edges[red].png")
    assert "sobel of photo[final].png, 30x20" in done.output
    assert "edges[red].png" in done.output


def test_a_tiff_of_floats_keeps_its_greys(tmp_path):
    ramp = np.broadcast_to(np.linspace(0, 1, 52, dtype=np.float32), (20, 52))
    Image.fromarray(ramp.copy()).save(tmp_path / "ramp.tif")
    assert np.unique(pictures.load(tmp_path / "ramp.tif")).size == 52


def step(spoilt, dtype=np.float32, low=0, high=100):
    """Return a picture of two halves, with one pixel spoilt."""
    values = np.full((40, 40), low, dtype)
    values[:, 20:] = high
    if spoilt is not None:
        values[3, 3] = spoilt
    return values


@pytest.mark.parametrize(
    "values",
    [
        step(None),
        step(np.nan),
        step(np.inf),
        step(-np.inf),
        step(1e30),
        step(-1e30),
        step(None, low=-150),
        step(None, low=-150, high=-50),
        step(65535, np.uint16, 300, 400),
        step(None, np.int32, 70_000, 70_001),
    ],
    ids=["clean", "NaN", "inf", "-inf", "1e30", "-1e30", "below", "below_all", "hot", "faint"],
)
@pytest.mark.parametrize("name", ["sobel", "laplacian"])
def test_one_spoilt_pixel_hides_no_step(tmp_path, values, name):
    file = tmp_path / ("photo.png" if values.dtype == np.uint16 else "photo.tif")
    Image.fromarray(values).save(file)
    done = run(file, "-o", tmp_path / "out.png", "--filter", name, "--absolute")
    assert done.exit_code == 0, done.output
    edges = opened(tmp_path / "out.png").copy()
    assert (edges[:, 19:21] == 255).all()
    edges[:, 19:21], edges[2:5, 2:5] = 0, 0
    assert not edges.any()


def test_where_a_picture_holds_no_number_no_edge_is_seen(tmp_path):
    values = step(np.nan)
    values[:, :10] = np.nan
    Image.fromarray(values).save(tmp_path / "photo.tif")
    found = pictures.find_edges(pictures.load(tmp_path / "photo.tif"), "sobel")
    assert np.flatnonzero(found.magnitude.any(axis=0)).tolist() == [19, 20]
    Image.fromarray(np.full((5, 5), np.nan, np.float32)).save(tmp_path / "none.tif")
    with pytest.raises(jitconv.ParameterError, match="must have some finite values"):
        pictures.load(tmp_path / "none.tif")


def test_what_is_fainter_than_a_grey_level_is_seen_before_values_are_cut(tmp_path):
    values = np.broadcast_to(np.linspace(0, 100, 60), (40, 60)).astype(np.float32).copy()
    values[:, 30:] += 0.1  # a quarter of a level of 8 bits
    Image.fromarray(values).save(tmp_path / "ramp.tif")
    found = pictures.find_edges(pictures.load(tmp_path / "ramp.tif"), "sobel").magnitude
    assert found[:, 29:31].min() > found[:, 3:27].max()


def test_a_few_bright_stars_are_the_picture(tmp_path):
    values = np.zeros((60, 60), np.float32)
    values[30, 30] = 500  # fewer than a thousandth of the pixels
    Image.fromarray(values).save(tmp_path / "sky.tif")
    assert pictures.find_edges(pictures.load(tmp_path / "sky.tif"), "sobel").magnitude.max() > 0.4


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "I;16"])
def test_any_kind_of_picture_is_read(tmp_path, mode):
    step = np.where(np.arange(30) < 15, 255, 0)  # what no palette has to dither
    if mode == "I;16":
        picture = Image.fromarray(np.broadcast_to(step * 257, (20, 30)).astype(np.uint16))
    else:
        picture = (
            Image.fromarray(np.broadcast_to(step, (20, 30)).astype(np.uint8)).convert("RGB").convert(mode)
        )
    file = tmp_path / ("photo.tif" if mode == "CMYK" else "photo.png")
    picture.save(file)
    assert run(file, "-o", tmp_path / "out.png").exit_code == 0
    edges = opened(tmp_path / "out.png")
    assert edges[:, 14:16].min() > 250
    assert edges[:, :10].max() < 30


def test_a_picture_that_lies_on_its_side_is_turned(tmp_path):
    picture = Image.new("RGB", (30, 20))
    exif = picture.getexif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    picture.save(tmp_path / "photo.jpg", exif=exif)
    assert run(tmp_path / "photo.jpg", "-o", tmp_path / "out.png").exit_code == 0
    assert opened(tmp_path / "out.png").shape == (30, 20)


def test_a_users_mistake_is_one_line(photograph, tmp_path):
    text, small = tmp_path / "text.png", tmp_path / "small.png"
    text.write_text("no picture")
    Image.new("L", (2, 9)).save(small)
    for arguments, words in (
        ((tmp_path / "none.png", "-o", "x.png"), "none.png"),
        ((text, "-o", tmp_path / "x.png"), "must be a picture that Pillow reads"),
        ((small, "-o", tmp_path / "x.png"), "at least 3 pixels"),
        ((photograph, "-o", tmp_path / "x.txt"), "must end in .png"),
        ((photograph, "-o", photograph), "is the picture itself"),
        ((photograph, "-o", tmp_path / "x.png", "--orientation", tmp_path / "x.png"), "another name"),
        (
            (photograph, "-o", tmp_path / "x.png", "--filter", "laplacian", "--orientation", "y.png"),
            "one way",
        ),
    ):
        done = run(*arguments)
        assert isinstance(done.exception, jitconv.JitconvError), done.exception
        assert words in str(done.exception)
        assert "\n" not in str(done.exception)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["photo.png", "small.png", "text.png"]
