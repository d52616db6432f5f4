"""The data of the second exercise of `jitconv.courses.coursera`: files, labels, mini-batches."""

import h5py
import numpy as np
import pytest

import jitconv
from jitconv.courses.coursera import (
    convert_to_one_hot,
    load_dataset,
    load_happy_dataset,
    load_signs_dataset,
    random_mini_batches,
)

# labels and mini-batches


def test_one_hot_has_a_column_for_each_label():
    one_hot = convert_to_one_hot(np.array([[5, 0, 2]], dtype=np.int64), 6)
    assert one_hot.shape == (6, 3)
    np.testing.assert_array_equal(one_hot.T, np.eye(6)[[5, 0, 2]])
    assert convert_to_one_hot(np.array([], int), 6).shape == (6, 0)


def test_mini_batches_are_a_partition_in_the_order_of_the_course():
    x, y = np.arange(148 * 2).reshape(148, 2), np.arange(148)[:, None]
    batches = random_mini_batches(x, y, 64, seed=3)
    assert [(one.shape, other.shape) for one, other in batches] == [
        ((64, 2), (64, 1)),
        ((64, 2), (64, 1)),
        ((20, 2), (20, 1)),
    ]
    np.random.seed(3)
    order = np.random.permutation(148)
    np.testing.assert_array_equal(np.concatenate([other for _, other in batches])[:, 0], order)
    for one, other in batches:
        np.testing.assert_array_equal(one, x[other[:, 0]])


def test_mini_batches_without_a_rest_and_of_nothing():
    assert [len(x) for x, _ in random_mini_batches(np.zeros((8, 1)), np.zeros((8, 1)), 4)] == [4, 4]
    assert random_mini_batches(np.zeros((0, 1)), np.zeros((0, 1))) == []


def test_mini_batches_leave_the_global_generator_alone():
    np.random.seed(7)
    wanted = np.random.rand()
    np.random.seed(7)
    random_mini_batches(np.zeros(9), np.zeros(9), 2, seed=1)
    assert np.random.rand() == wanted


# the data set


def write_signs(folder, **change):
    """Write small files of the course's form; `change` replaces data sets of the training file."""
    for part, count in (("train", 5), ("test", 3)):
        sets = {
            f"{part}_set_x": np.arange(count * 64 * 64 * 3, dtype=np.uint32).reshape(count, 64, 64, 3) % 256,
            f"{part}_set_y": np.arange(count) % 6,
            "list_classes": np.arange(6),
        }
        sets[f"{part}_set_x"] = sets[f"{part}_set_x"].astype(np.uint8)
        with h5py.File(folder / f"{part}_signs.h5", "w") as file:
            for name, array in {**sets, **(change if part == "train" else {})}.items():
                if array is not None:
                    file[name] = array


def test_load_dataset_returns_the_courses_five_arrays(tmp_path):
    write_signs(tmp_path)
    train_x, train_y, test_x, test_y, classes = load_dataset(tmp_path)
    assert (train_x.shape, train_x.dtype) == ((5, 64, 64, 3), np.uint8)
    assert train_y.tolist() == [[0, 1, 2, 3, 4]]
    assert (test_x.shape, test_y.shape) == ((3, 64, 64, 3), (1, 3))
    assert classes.tolist() == [0, 1, 2, 3, 4, 5]
    assert train_x[0, 0, 1].tolist() == [3, 4, 5]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"train_set_x": None}, "train_set_x"),
        ({"train_set_x": np.zeros((5, 32, 32, 3), np.uint8)}, "64"),
        ({"train_set_x": np.zeros((5, 64, 64, 3))}, "uint8"),
        ({"train_set_y": np.arange(4)}, "expected 5 labels"),
        ({"train_set_y": np.full(5, 6)}, "6"),
    ],
)
def test_a_bad_file_is_named_with_its_key(tmp_path, change, words):
    write_signs(tmp_path, **change)
    with pytest.raises(jitconv.DataError) as caught:
        load_dataset(tmp_path)
    assert "train_signs.h5" in str(caught.value)
    assert words in str(caught.value)


def test_the_other_editions_names_of_data_sets(tmp_path):
    write_signs(tmp_path)
    for one, other in zip(load_signs_dataset(tmp_path), load_dataset(tmp_path), strict=True):
        np.testing.assert_array_equal(one, other)
    for part in ("train", "test"):
        with h5py.File(tmp_path / f"{part}_happy.h5", "w") as file:
            file[f"{part}_set_x"] = np.zeros((4, 64, 64, 3), np.uint8)
            file[f"{part}_set_y"] = np.array([0, 1, 1, 0])
            file["list_classes"] = np.arange(2)
    train_x, train_y, _, test_y, classes = load_happy_dataset(tmp_path)
    assert train_x.shape == (4, 64, 64, 3)
    assert train_y.tolist() == test_y.tolist() == [[0, 1, 1, 0]]
    assert classes.tolist() == [0, 1]


def test_a_missing_or_truncated_file_is_named(tmp_path):
    with pytest.raises(jitconv.DataError, match=r"train_signs\.h5"):
        load_dataset(tmp_path)
    write_signs(tmp_path)
    whole = (tmp_path / "test_signs.h5").read_bytes()
    (tmp_path / "test_signs.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(jitconv.DataError, match=r"test_signs\.h5"):
        load_dataset(tmp_path)
