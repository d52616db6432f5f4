"""Parts of ImageNet as CS231n's notebooks load them, from generated files."""

import pickle

import numpy as np
import pytest
from PIL import Image

import jitconv
from jitconv.courses.cs231n.data_utils import load_imagenet_val, load_models, load_tiny_imagenet

CLASSES = {"n01": "goldfish, Carassius auratus", "n02": "tractor"}


@pytest.fixture
def tiny(tmp_path):
    """Write a TinyImageNet of nine pictures; return its folder and the pictures by part."""
    rng, pictures = np.random.default_rng(0), {}

    def draw(folder, name, grey=False):
        folder.mkdir(parents=True, exist_ok=True)
        values = rng.integers(256, size=(64, 64) if grey else (64, 64, 3), dtype=np.uint8)
        Image.fromarray(values).save(folder / name, format="PNG")  # whose values are exact
        return np.stack([values] * 3, axis=2) if grey else values

    (tmp_path / "wnids.txt").write_text("n01\nn02\n")
    (tmp_path / "words.txt").write_text("".join(f"{one}\t{words}\n" for one, words in CLASSES.items()))
    pictures["train"] = []
    for wnid in CLASSES:
        folder = tmp_path / "train" / wnid
        names = [f"{wnid}_{k}.JPEG" for k in range(2)]
        pictures["train"] += [draw(folder / "images", name, grey=name == "n02_1.JPEG") for name in names]
        (folder / f"{wnid}_boxes.txt").write_text("".join(f"{name}\t0\t0\t63\t63\n" for name in names))
    pictures["val"] = [draw(tmp_path / "val" / "images", f"val_{k}.JPEG") for k in range(3)]
    (tmp_path / "val" / "val_annotations.txt").write_text(
        "val_0.JPEG\tn02\t0\t0\t9\t9\nval_2.JPEG\tn01\t0\t0\t9\t9\nval_1.JPEG\tn02\t0\t0\t9\t9\n"
    )
    pictures["val"] = [pictures["val"][k] for k in (0, 2, 1)]
    pictures["test"] = [draw(tmp_path / "test" / "images", f"test_{k}.JPEG") for k in range(2)]
    return tmp_path, {
        part: np.stack(some).transpose(0, 3, 1, 2).astype(float) for part, some in pictures.items()
    }


def test_tiny_imagenet_is_loaded_as_the_notebooks_want_it(tiny):
    folder, pictures = tiny
    found = load_tiny_imagenet(folder, subtract_mean=False)
    for part, x in pictures.items():
        np.testing.assert_array_equal(found[f"X_{part}"], x)
        assert found[f"X_{part}"].dtype == np.float32
    assert found["y_train"].tolist() == [0, 0, 1, 1]
    assert found["y_val"].tolist() == [1, 0, 1]
    assert found["y_test"] is None
    assert found["class_names"] == [["goldfish", "Carassius auratus"], ["tractor"]]
    exact = load_tiny_imagenet(folder, dtype=np.float64)
    mean = pictures["train"].mean(axis=0)
    np.testing.assert_allclose(exact["mean_image"], mean, rtol=1e-12)
    np.testing.assert_allclose(exact["X_test"], pictures["test"] - mean, atol=1e-9)
    (folder / "test" / "test_annotations.txt").write_text("test_1.JPEG\tn02\ntest_0.JPEG\tn01\n")
    labelled = load_tiny_imagenet(folder, subtract_mean=False)
    assert labelled["y_test"].tolist() == [1, 0]
    np.testing.assert_array_equal(labelled["X_test"], pictures["test"][::-1])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda at: (at / "wnids.txt").unlink(), "wnids.txt: no such file"),
        (lambda at: (at / "words.txt").write_text("n01 goldfish\n"), "line 1 must have 2 columns"),
        (
            lambda at: (at / "wnids.txt").write_text("n01\n"),
            "of the class n02, which wnids.txt does not name",
        ),
        (lambda at: (at / "val/images/val_1.JPEG").write_bytes(b"no picture"), "val_1.JPEG: damaged"),
        (lambda at: (at / "val/images/val_1.JPEG").unlink(), "val_1.JPEG: no such file"),
        (
            lambda at: Image.new("RGB", (32, 64)).save(at / "val/images/val_0.JPEG"),
            "expected a picture of 64×64; found (32, 64)",
        ),
    ],
)
def test_a_damaged_tiny_imagenet_is_named(tiny, damage, words):
    damage(tiny[0])
    with pytest.raises(jitconv.DataError) as caught:
        load_tiny_imagenet(tiny[0])
    assert words in str(caught.value)


def write_validation(path, names):
    """Write five pictures, labels, and the names of classes as an object, as in the course's file."""
    x = np.random.default_rng(0).integers(256, size=(5, 8, 8, 3), dtype=np.uint8)
    np.savez(path, X=x, y=np.arange(5), label_map=np.array(names, object))
    return x


def test_pictures_to_validate_with_are_loaded(tmp_path):
    x = write_validation(tmp_path / "val.npz", {0: "tench", 4: "hen"})
    found, y, names = load_imagenet_val(path=tmp_path / "val.npz")
    np.testing.assert_array_equal(found, x)
    assert y.tolist() == list(range(5))
    assert names == {0: "tench", 4: "hen"}
    assert len(load_imagenet_val(num=2, path=tmp_path / "val.npz")[0]) == 2


class Harmful:
    """What a pickle may call when it is read."""

    def __reduce__(self):
        return print, ("run",)


def test_nothing_in_a_file_is_run(tmp_path, capsys):
    write_validation(tmp_path / "val.npz", Harmful())
    with pytest.raises(jitconv.DataError, match=r"val.npz: damaged.*builtins\.print"):
        load_imagenet_val(path=tmp_path / "val.npz")
    (tmp_path / "harmful").write_bytes(pickle.dumps({"model": Harmful()}))
    (tmp_path / "other").write_bytes(pickle.dumps({"weights": 3}))
    (tmp_path / "text").write_text("no pickle")
    w = np.arange(6.0).reshape(2, 3)
    (tmp_path / "net").write_bytes(pickle.dumps({"model": {"W1": w, "sizes": [3, (4, 5)]}}, protocol=2))
    (tmp_path / "fortran").write_bytes(pickle.dumps({b"model": np.asfortranarray(w)}))
    models = load_models(tmp_path)
    assert capsys.readouterr().out == ""
    assert models.keys() == {"net", "fortran"}
    np.testing.assert_array_equal(models["net"]["W1"], w)
    assert models["net"]["sizes"] == [3, (4, 5)]
    np.testing.assert_array_equal(models["fortran"], w)


@pytest.mark.parametrize("size", [0, 10, 500])
def test_a_file_cut_off_is_damaged(tmp_path, size):
    path = tmp_path / "val.npz"
    write_validation(path, {0: "tench"})
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(jitconv.DataError, match=r"val\.npz: damaged"):
        load_imagenet_val(path=path)
    with pytest.raises(jitconv.DataError, match="no such file"):
        load_imagenet_val(path=tmp_path / "nowhere.npz")
