"""Sources of data: streamed rows are the stored ones, and a bad file is named."""

import gzip
import io
import os
import pickle
import threading
import tracemalloc

import h5py
import numpy as np
import pytest
from PIL import Image

from jitconv import DataError, ParameterError, ShapeError
from jitconv.nn.data import Arrays, Subset, cifar10, digits, mnist, signs, split
from jitconv.nn.data.hdf5 import HDF5Pictures
from jitconv.nn.data.pickles import read_batch

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (12, 64, 64, 3), dtype=np.uint8)
LABELS = np.arange(12) % 6


def write(path, **arrays):
    """Write an HDF5 file."""
    with h5py.File(path, "w") as file:
        for key, value in arrays.items():
            file[key.replace("__", "/")] = value


def write_signs(folder, **changes):
    """Write both files of SIGNS; a change of None leaves a key out."""
    for part in ("train", "test"):
        x = {f"{part}_set_x": PICTURES, f"{part}_set_y": LABELS, "list_classes": np.arange(6)}
        x.update(changes if part == "train" else {})
        write(folder / f"{part}_signs.h5", **{key: value for key, value in x.items() if value is not None})


def jpegs(count=12, side=32):
    """Return JPEG bytes of pictures."""
    found = []
    for k in range(count):
        file = io.BytesIO()
        Image.fromarray(PICTURES[k, :side, :side]).save(file, "JPEG")
        found.append(file.getvalue())
    return found


def write_cifar(folder, codes=None, **changes):
    """Write CIFAR-10 as JPEG bytes."""
    codes = codes or jpegs()
    offsets = np.cumsum([0, *map(len, codes)])
    arrays = {"classes": np.array(cifar10.NAMES, "S10")}
    for part in ("train", "test"):
        arrays[f"{part}__jpeg"] = np.frombuffer(b"".join(codes), np.uint8)
        arrays[f"{part}__offsets"] = offsets
        arrays[f"{part}__labels"] = np.arange(len(codes)).astype(np.uint8) % 10
    write(folder / "cifar10_jpeg.h5", **{**arrays, **changes})


def write_mnist(folder, **changes):
    """Write MNIST as npz."""
    arrays = {f"x_{part}": PICTURES[:, :28, :28, 0] for part in ("train", "test")}
    arrays |= {f"y_{part}": LABELS.astype(np.uint8) for part in ("train", "test")}
    np.savez(folder / "mnist.npz", **{k: v for k, v in {**arrays, **changes}.items() if v is not None})


def write_idx(folder, shape=None, cut=0, labels=12, damage=slice(0)):
    """Write MNIST as idx files, the labels packed."""
    x = PICTURES[:, :28, :28, 0]
    for part in ("train", "t10k"):
        header = bytes([0, 0, 8, 3]) + np.array(shape or x.shape, ">u4").tobytes()
        data = header + x.tobytes()
        (folder / f"{part}-images-idx3-ubyte").write_bytes(data[: len(data) - cut])
        header = bytes([0, 0, 8, 1]) + np.array([labels], ">u4").tobytes()
        packed = bytearray(gzip.compress(header + LABELS[:labels].astype(np.uint8).tobytes()))
        packed[damage] = bytes(len(packed[damage]))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(packed)


ROWS = np.array([7, 0, 11, 7, 3])


@pytest.mark.parametrize("stored", [{}, {"chunks": (2, 64, 64, 3)}, {"compression": "gzip"}], ids=str)
def test_streamed_rows_are_the_stored_ones_in_order(stored, tmp_path):
    write_signs(tmp_path, train_set_x=None)
    with h5py.File(tmp_path / "train_signs.h5", "a") as file:
        file.create_dataset("train_set_x", data=PICTURES, **stored)
    with signs.load(tmp_path.parent / tmp_path.name).train as data:
        x, labels = data.read(ROWS)
        np.testing.assert_array_equal(x, PICTURES[ROWS] * np.float32(1 / 255))
        assert x.flags.c_contiguous
        np.testing.assert_array_equal(labels, LABELS[ROWS])
        assert data.read(np.array([], int))[0].shape == (0, 64, 64, 3)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(data)).read(ROWS)[0], x)
        found = []
        threads = [threading.Thread(target=lambda: found.append(data.read(ROWS)[0])) for _ in range(4)]
        [one.start() for one in threads]
        [one.join() for one in threads]
        assert len(found) == 4
        assert all((one == x).all() for one in found)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("chunks", [None, (2, 64, 64, 3)])
def test_a_forked_child_reads(chunks, tmp_path, run_python):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=PICTURES, chunks=chunks)
        file["y"] = LABELS
    script = """
    import os, sys, numpy as np
    from jitconv.nn.data.hdf5 import HDF5Pictures
    data = HDF5Pictures("a.h5", "x", "y", list("abcdef"))
    before = data.read(np.array([3, 1]))[0]
    child = os.fork()
    same = (data.read(np.array([3, 1]))[0] == before).all()
    if child == 0:
        os._exit(0 if same else 1)
    print(os.waitpid(child, 0)[1], same)
    """
    assert run_python(script) == "0 True"


def test_streaming_does_not_load_the_file(tmp_path):
    write(tmp_path / "big.h5", x=np.zeros((4000, 64, 64, 3), np.uint8), y=np.zeros(4000, int))
    tracemalloc.start()
    data = HDF5Pictures(tmp_path / "big.h5", "x", "y", ["one"])
    for start in range(0, 4000, 50):
        data.read(np.arange(start, start + 50))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    data.close()
    assert 2**21 < peak < 2**23  # the file has 49 MB


def test_cifar10_is_decoded_as_pillow_does(tmp_path):
    write_cifar(tmp_path)
    with cifar10.load(tmp_path, scale=1).train as data:
        expected = np.stack([np.asarray(Image.open(io.BytesIO(one))) for one in jpegs()])
        for _ in range(2):
            np.testing.assert_array_equal(data.read(ROWS)[0], expected[ROWS])
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(data)).read(ROWS)[0], expected[ROWS])
        assert data.read(np.array([], int))[0].shape == (0, 32, 32, 3)
    assert data.classes == cifar10.NAMES


def test_cifar10_binary_batches(tmp_path):
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    x = PICTURES[:, :32, :32]
    records = np.concatenate([LABELS[:, None], x.transpose(0, 3, 1, 2).reshape(12, -1)], 1).astype(np.uint8)
    for name in [*cifar10.TRAIN, *cifar10.TEST]:
        records.tofile(folder / f"{name}.bin")
    task = cifar10.load(tmp_path, scale=1)
    assert len(task.train) == 60
    np.testing.assert_array_equal(task.test.read(ROWS)[0], x[ROWS])


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("kind", [str, str.encode])
def test_cifar10_pickled_batches(tmp_path, protocol, kind):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    x = PICTURES[:, :32, :32]
    batch = {kind("data"): x.transpose(0, 3, 1, 2).reshape(12, -1), kind("labels"): LABELS.tolist()}
    for name in [*cifar10.TRAIN, *cifar10.TEST]:
        (folder / name).write_bytes(pickle.dumps(batch, protocol))
    task = cifar10.load(tmp_path, scale=1)
    assert len(task.train) == 60
    np.testing.assert_array_equal(task.test.read(ROWS)[0], x[ROWS])
    np.testing.assert_array_equal(task.test.read(ROWS)[1], LABELS[ROWS])


def python2(x, labels):
    """Return a batch as Python 2 pickles it: NumPy's old names, and text that is bytes."""

    def text(value):
        return b"U" + bytes([len(value)]) + value

    none = b"J\xff\xff\xff\xff"
    dtype = b"cnumpy\ndtype\n(" + text(b"u1") + b"K\x00K\x01tR"
    dtype += b"(K\x03" + text(b"|") + b"NNN" + none + none + b"K\x00tb"
    shape = b"(" + b"".join(b"M" + int(n).to_bytes(2, "little") for n in x.shape) + b"t"
    values = b"T" + x.nbytes.to_bytes(4, "little") + x.tobytes()
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85" + text(b"b") + b"tR"
    array += b"(K\x01" + shape + dtype + b"\x89" + values + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([n]) for n in labels) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + numbers + b"u."


def test_cifar10_batches_of_python_2(tmp_path):
    x = PICTURES[:, :32, :32]
    content = python2(x.transpose(0, 3, 1, 2).reshape(12, -1), LABELS)
    assert pickle.loads(content, encoding="bytes")[b"data"].shape == (12, 3072)  # pickle itself agrees
    for name in [*cifar10.TRAIN, *cifar10.TEST]:
        (tmp_path / name).write_bytes(content)
    values, labels = cifar10.load(tmp_path, scale=1).test.read(ROWS)
    np.testing.assert_array_equal(values, x[ROWS])
    np.testing.assert_array_equal(labels, LABELS[ROWS])


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_pickled_arrays_of_any_order_are_read(protocol, tmp_path):
    x = np.asfortranarray(PICTURES[:, :32, :32].reshape(12, -1))
    labels = LABELS.astype(np.dtype("i4").newbyteorder())
    (tmp_path / "batch").write_bytes(pickle.dumps({"data": x, "labels": labels}, protocol))
    found = read_batch(tmp_path / "batch", 3072)
    np.testing.assert_array_equal(found[0], x)
    np.testing.assert_array_equal(found[1], LABELS)


class Call:
    """Is pickled as a call, and a state for what it returns."""

    def __init__(self, *parts):
        self.parts = parts

    def __reduce__(self):
        return self.parts


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        (Call(os.system, ("touch evil",)), ".system; arrays of numbers alone are read"),
        ([1, 2], "expected a dictionary; found list"),
        ({"data": np.zeros((2, 3072), np.uint8)}, "expected the key 'labels'"),
        ({"data": np.zeros((2, 3071), np.uint8), "labels": [0, 1]}, "(n, 3072)"),
        ({"data": np.zeros((2, 3072)), "labels": [0, 1]}, "float64"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [0]}, "expected (2,)"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [0, 10]}, "0..9"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [0, 0.5]}, "row 1 is a float"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [[1], [1, 2]]}, "row 0 is a list"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [0, 2**70]}, "at most 64 bits; row 1 is beyond"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": np.zeros(2)}, "integers (2,); found float64 (2,)"),
        ({"data": np.zeros((0, 3072), np.uint8), "labels": []}, "at least one picture; found (0, 3072)"),
        ({"data": np.full((2, 3072), None), "labels": [0, 1]}, "found object (2, 3072)"),
        ({b"\xff": 1}, "expected the key 'data'; found ['ÿ']"),
        ({"data": Call(np.dtype, ("u1",)), "labels": [0]}, "found _DType"),
        ({"data": Call(np.ndarray, ((2,),), (1, (2, 3072), 5, False, b"")), "labels": [0]}, "damaged"),
        (Call(np.dtype, ("u1",), 7), "damaged"),
    ],
)
def test_a_bad_pickle_is_named_and_runs_nothing(tmp_path, monkeypatch, batch, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(batch))
    with pytest.raises(DataError) as caught:
        cifar10.load(tmp_path)
    assert "data_batch_1" in str(caught.value)
    assert words in str(caught.value)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("place", ["", "mnist", "MNIST/raw", "raw"])
@pytest.mark.parametrize("unpacked", [False, True])
@pytest.mark.parametrize("dotted", [False, True])
def test_mnist_by_the_names_of_others(tmp_path, place, unpacked, dotted):
    """7-Zip and Kaggle write ``train-images.idx3-ubyte``; torchvision keeps all in ``MNIST/raw``."""
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    write_idx(folder)
    for file in list(folder.iterdir()):
        content, name = file.read_bytes(), file.name.removesuffix(".gz")
        packed = file.name.endswith(".gz")
        file.unlink()
        if dotted:
            name = name.replace("-idx", ".idx")
        if unpacked and packed:
            content, packed = gzip.decompress(content), False
        (folder / (name + ".gz" * packed)).write_bytes(content)
    if dotted:  # a folder of the file's own name, as Kaggle's archive has it
        (folder / "train-images-idx3-ubyte").mkdir()
    x, labels = mnist.load(tmp_path, scale=1).test.read(ROWS)
    np.testing.assert_array_equal(labels, LABELS[ROWS])
    assert x.shape == (len(ROWS), 28, 28, 1)


@pytest.mark.parametrize("writer", [write_mnist, write_idx])
def test_mnist(writer, tmp_path):
    (tmp_path / "mnist").mkdir()
    writer(tmp_path / "mnist")
    x, labels = mnist.load(tmp_path, scale=1).test.read(ROWS)
    np.testing.assert_array_equal(x, PICTURES[ROWS, :28, :28, :1])
    np.testing.assert_array_equal(labels, LABELS[ROWS])


def test_digits_are_the_real_ones():
    task = digits.load(scale=1)
    (x, labels), (more, rest) = (part.read(np.arange(len(part))) for part in (task.train, task.test))
    assert (len(labels), len(rest)) == (1437, 360)
    assert (min(x.min(), more.min()), max(x.max(), more.max())) == (0, 16)
    counts = np.bincount(np.concatenate([labels, rest]))
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_preparation():
    mean = RNG.random((64, 64, 3))
    data = Arrays(PICTURES, LABELS, scale=0.5, mean=mean, layout="NCHW", dtype="float64")
    expected = (PICTURES[ROWS] * 0.5 - mean).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(data.read(ROWS)[0], expected, rtol=1e-15)
    assert data.shape == (3, 64, 64)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"layout": "HWCN"}, ParameterError, "layout must be one of 'NHWC', 'NCHW'; got 'HWCN'"),
        ({"dtype": "float16"}, ParameterError, r"dtype must be one of .*; got 'float16'"),
        ({"scale": np.nan}, ParameterError, "scale must be a finite number; got nan"),
        ({"scale": "1"}, ParameterError, "scale must be a finite number; got '1'"),
        ({"mean": np.zeros(4)}, ShapeError, r"mean must be a number, \(3,\) or \(64, 64, 3\); got \(4,\)"),
        ({"mean": [0, np.inf, 0]}, ParameterError, "mean must be finite"),
        ({"mean": "grey"}, ParameterError, "mean must be a number or an array of numbers; got 'grey'"),
    ],
)
def test_options_without_meaning_are_refused(options, error, words):
    with pytest.raises(error, match=words):
        Arrays(PICTURES, LABELS, **options)


def test_channels_first_needs_pictures():
    with pytest.raises(ShapeError, match=r"'NCHW' needs examples stored as \(H, W, C\); these are \(5,\)"):
        Arrays(np.zeros((12, 5)), LABELS, layout="NCHW")


@pytest.mark.parametrize("chunks", [None, (2, 4, 4, 3)])
def test_foreign_byte_order_is_read(chunks, tmp_path):
    foreign = {kind: np.dtype(kind).newbyteorder() for kind in ("f4", "i8")}
    x, y = RNG.random((12, 4, 4, 3)).astype(foreign["f4"]), LABELS.astype(foreign["i8"])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=x, chunks=chunks)
        file["y"] = y
    with HDF5Pictures(tmp_path / "a.h5", "x", "y", list("abcdef")) as streamed:
        for data in (streamed, Arrays(x, y)):
            values, labels = data.read(ROWS.astype(foreign["i8"]))
            assert (values.dtype, labels.dtype) == (np.float32, np.int64)
            assert values.dtype.isnative
            np.testing.assert_array_equal(values, x[ROWS])
            np.testing.assert_array_equal(labels, LABELS[ROWS])


def test_split_parts_a_source():
    data = Arrays(np.arange(12.0)[:, None], LABELS)
    rest, held = split(data, 5, seed=1)
    values = [part.read(np.arange(len(part)))[0].ravel() for part in (rest, held)]
    assert (len(rest), len(held)) == (7, 5)
    assert sorted(np.concatenate(values)) == list(range(12))
    assert (split(data, 5, seed=1)[1].rows == held.rows).all()
    with pytest.raises(ParameterError, match=r"count must be in 1..11 of 12 examples; got 12"):
        split(data, 12, seed=1)


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        ([0, -1], ParameterError, r"rows must be in 0..11; got -1 at place 1"),
        ([12], ParameterError, r"rows must be in 0..11; got 12 at place 0"),
        ([0.5], ParameterError, "rows must be integers; got float64"),
        ([[1]], ShapeError, r"rows must be one list"),
    ],
)
def test_bad_rows_are_refused(rows, error, words):
    data = Arrays(PICTURES, LABELS)
    with pytest.raises(error, match=words):
        data.read(np.array(rows))
    with pytest.raises(error, match=words):
        Subset(data, np.array(rows))


def cut(folder, name, size):
    """Cut a file short."""
    path = folder / name
    path.write_bytes(path.read_bytes()[:size])


def huge(folder):
    """Write files of SIGNS whose header claims what was never written."""
    write_signs(folder, train_set_x=None)
    with h5py.File(folder / "train_signs.h5", "a") as file:
        file.create_dataset("train_set_x", (10**9, 64, 64, 3), "uint8", chunks=(1, 64, 64, 3))


def outside(folder):
    """Write files of SIGNS with a link to another file."""
    write_signs(folder, train_set_x=h5py.ExternalLink("test_signs.h5", "test_set_x"))


def cut_signs(folder):
    """Write a file of SIGNS that is cut short."""
    write_signs(folder)
    cut(folder, "train_signs.h5", 100_000)


def many_labels(folder):
    """Write files of SIGNS whose labels are more than is read whole."""
    write_signs(folder, train_set_y=None)
    with h5py.File(folder / "train_signs.h5", "a") as file:
        labels = file.create_dataset("train_set_y", (2**27 + 1,), "int64", chunks=(2**10,))
        labels[0] = 1


def cut_npz(folder):
    """Write an npz that is cut short."""
    write_mnist(folder)
    cut(folder, "mnist.npz", 5000)


@pytest.mark.parametrize(
    ("load", "writer", "words"),
    [
        (
            signs.load,
            lambda f: None,
            r"no train_signs.h5 in .* or .*signs: give the folder that holds them",
        ),
        (mnist.load, lambda f: f.rmdir(), "no such folder; it should hold mnist.npz"),
        (signs.load, cut_signs, "train_signs.h5: damaged, cut short"),
        (signs.load, huge, "train_set_x: .* no values were ever written"),
        (signs.load, outside, "train_set_x is a link, which is not followed"),
        (
            signs.load,
            lambda f: write_signs(f, train_set_x=None),
            "train_signs.h5: expected the key train_set_x; found list_classes, train_set_y",
        ),
        (
            signs.load,
            lambda f: write_signs(f, train_set_x=PICTURES[:, :32]),
            r"train_set_x: expected the shape \(m, 64, 64, 3\); found \(12, 32, 64, 3\)",
        ),
        (
            signs.load,
            lambda f: write_signs(f, train_set_x=PICTURES.astype(np.int32)),
            "train_set_x: expected uint8 .*; found int32",
        ),
        (signs.load, lambda f: write_signs(f, train_set_x=PICTURES[:0]), r"found \(0, 64, 64, 3\)"),
        (signs.load, lambda f: write_signs(f, train_set_y=LABELS[:3]), "expected 12 labels.*; found 3"),
        (signs.load, lambda f: write_signs(f, train_set_y=LABELS + 1), r"in 0..5; row 5 has 6"),
        (
            signs.load,
            lambda f: write_signs(f, list_classes=np.arange(5)),
            r"list_classes: .* \(6,\); found \(5,\)",
        ),
        (mnist.load, cut_npz, "mnist.npz: damaged, cut short"),
        (mnist.load, lambda f: write_mnist(f, x_test=None), "expected the key x_test; found x_train"),
        (mnist.load, lambda f: write_mnist(f, x_test=PICTURES), r"x_test: expected the shape \(m, 28, 28\)"),
        (mnist.load, lambda f: write_mnist(f, y_test=LABELS), "y_test: expected uint8"),
        (mnist.load, lambda f: write_mnist(f, y_test=np.uint8([1])), "y_test: expected 12 labels"),
        (signs.load, many_labels, r"train_set_y: \(134217729,\) int64 is 1073741832 bytes, more than"),
        (
            mnist.load,
            lambda f: write_idx(f, labels=11),
            "labels-idx1-ubyte.gz: expected 12 labels.*; found 11",
        ),
        (mnist.load, lambda f: write_idx(f, damage=slice(2)), "labels-idx1-ubyte.gz: damaged"),
        (mnist.load, lambda f: write_idx(f, damage=slice(-8, -4)), "labels-idx1-ubyte.gz: damaged.*CRC"),
        (mnist.load, lambda f: write_idx(f, cut=1), "needs 9408 bytes; found 9407"),
        (mnist.load, lambda f: write_idx(f, shape=(2**31, 28, 28)), "more than the .* read whole"),
        (mnist.load, lambda f: write_idx(f, shape=(12, 28, 27)), r"found \(12, 28, 27\)"),
        (
            cifar10.load,
            lambda f: (f / "data_batch_1.bin").write_bytes(b"12"),
            "records of 3073 bytes; found 2",
        ),
        (cifar10.load, lambda f: write_cifar(f, train__offsets=np.arange(13)[::-1]), "expected ascending"),
        (cifar10.load, lambda f: write_cifar(f, train__labels=np.full(12, 10)), r"in 0..9; row 0 has 10"),
    ],
)
def test_a_bad_file_is_named(load, writer, words, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    writer(folder)
    with pytest.raises(DataError, match=words):
        load(folder)


@pytest.mark.parametrize("bad", [b"no picture at all", jpegs(1)[0][:300], jpegs(1, side=48)[0]])
def test_a_damaged_picture_is_named(bad, tmp_path):
    write_cifar(tmp_path, [*jpegs(3), bad])
    with cifar10.load(tmp_path).train as data:
        assert data.read(np.array([2, 0]))[0].shape == (2, 32, 32, 3)
        with pytest.raises(DataError, match="train/jpeg: row 3 is no whole JPEG picture of 32×32"):
            data.read(np.array([0, 3]))


def test_a_file_that_changed_is_refused(tmp_path):
    write_signs(tmp_path)
    data = signs.load(tmp_path).train
    cut(tmp_path, "train_signs.h5", 1000)
    with pytest.raises(DataError, match="was changed since it was checked"):
        data.read(ROWS)
