"""Networks and trainings in HDF5 files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from jitconv import files
from jitconv.arrays import Array
from jitconv.errors import DataError
from jitconv.nn.history import History
from jitconv.nn.layers import LAYERS, Layer
from jitconv.nn.model import Sequential
from jitconv.nn.optimisers import Optimiser

FORMAT = 1
"""Raised when files are laid out in another way."""


class Checkpoint:
    """A file that holds a training after each epoch; written beside and renamed.

    Parameters
    ----------
    file : path
        Where.
    model : Sequential
        The network whose arrays are saved, and set again by `restore`.
    optimiser : Optimiser
        Likewise.
    about : mapping
        What else must be equal for a training to go on; values that JSON holds.
    """

    def __init__(self, file: Path, model: Sequential, optimiser: Optimiser, about: Mapping[str, Any]) -> None:
        self.file = file
        self.model = model
        self.optimiser = optimiser
        fields = {name: value for name, value in vars(optimiser).items() if name not in ("steps", "moments")}
        self.about = _plain({**about, "optimiser": {"name": type(optimiser).__name__, **fields}})
        with _as_data_error(file, "cannot be written"):  # now, not after an epoch
            files.check(file)

    def save(self, history: History) -> None:
        """Write all that a training needs to go on."""
        with _written_beside(self.file) as file:
            _write_model(file, self.model)
            file.attrs["training"] = json.dumps(self.about)
            file.attrs["history"] = json.dumps(history.as_dict())
            file.attrs["steps"] = self.optimiser.steps
            for kind, arrays in self.optimiser.moments.items():
                _write(file, f"moments/{kind}", arrays)

    def restore(self) -> History | None:
        """Set network and optimiser to what the file holds; return the history, or None without a file."""
        if not self.file.exists():
            return None
        with _opened(self.file) as file:
            found = _json(file, "training", self.file)
            for name, value in self.about.items():
                if found.get(name) != value:
                    raise DataError(
                        f"{self.file} is of another training: its {name} is {found.get(name)!r}, not "
                        f"{value!r}; train with the same options, or without resume"
                    )
            if _json(file, "model", self.file) != describe(self.model):
                raise DataError(f"{self.file} is of another network than {self.model!r}")
            moments = {
                kind: {
                    name: _array(file, f"moments/{kind}/{name}", like, self.file)
                    for name, like in self.model.parameters.items()
                }
                for kind in self.optimiser.kept
            }
            try:
                history = History.of(_json(file, "history", self.file))
                steps = int(file.attrs["steps"])
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(f"{self.file}: its history is damaged: {error}") from None
            _set_model(file, self.model, self.file)  # all was found: nothing is changed before
            self.optimiser.moments, self.optimiser.steps = moments, steps
        return history


def save(model: Sequential, file: str | Path) -> None:
    """Write a network to an HDF5 file: its layers, shapes and arrays.

    Parameters
    ----------
    model : Sequential
        The network.
    file : path
        Where; an older file is replaced once the new one is whole.
    """
    with _written_beside(Path(file)) as written:
        _write_model(written, model)


def load(file: str | Path) -> Sequential:
    """Return the network of a file that `save`, or `fit` as its checkpoint, has written.

    Parameters
    ----------
    file : path
        The file.

    Raises
    ------
    DataError
        When it is missing, damaged, or no such file.
    """
    path = Path(file)
    with _opened(path) as read:
        about = _json(read, "model", path)
        try:
            layers = [_made(one) for one in about["layers"]]
            model = Sequential(layers, about["shape"], layout=about["layout"], dtype=about["dtype"])
        except KeyError as error:
            raise DataError(
                f"{path}: its network needs {error}, unknown here; a layer of your own must stand in "
                f"jitconv.nn.layers.LAYERS first"
            ) from None
        except (TypeError, ValueError) as error:
            raise DataError(f"{path}: its network cannot be made: {error}") from None
        _set_model(read, model, path)
    return model


def describe(model: Sequential) -> dict[str, Any]:
    """Return what makes a network but its arrays, as JSON holds it."""
    layers = list(model.layers.values())
    about = {"layers": layers, "shape": model.shape, "layout": model.layout, "dtype": model.dtype.name}
    return _plain(about)


def _plain(about: dict[str, Any]) -> dict[str, Any]:
    """Return what JSON makes of it, layers as their names and options, NumPy's numbers as Python's."""

    def plain(value: Any) -> Any:
        if isinstance(value, Layer):
            return {"layer": type(value).__name__, "options": value.options()}
        return value.item()

    return json.loads(json.dumps(about, default=plain))


def _write_model(file: h5py.File, model: Sequential) -> None:
    file.attrs["format"] = FORMAT
    file.attrs["model"] = json.dumps(describe(model))
    _write(file, "parameters", model.parameters)
    _write(file, "state", model.state)


def _write(file: h5py.File, group: str, arrays: Mapping[str, Array]) -> None:
    for name, array in arrays.items():
        file[f"{group}/{name}"] = array


def _set_model(file: h5py.File, model: Sequential, path: Path) -> None:
    wanted = [("parameters", model.parameters), ("state", model.state)]
    found = [
        (array, _array(file, f"{group}/{name}", array, path))
        for group, arrays in wanted
        for name, array in arrays.items()
    ]
    for array, value in found:  # all were found: none is changed before
        array[...] = value


def _array(file: h5py.File, key: str, like: Array, path: Path) -> Array:
    dataset = file.get(key)
    fits = isinstance(dataset, h5py.Dataset) and dataset.shape == like.shape
    if (
        not fits or dataset.dtype.name != like.dtype.name
    ):  # a machine of the other byte order may have written
        came = f"{dataset.dtype} {dataset.shape}" if isinstance(dataset, h5py.Dataset) else "nothing"
        raise DataError(f"{path}: {key!r} must be {like.dtype} {like.shape}; got {came}")
    return np.asarray(dataset[...])


def _json(file: h5py.File, name: str, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.attrs[name])
    except (KeyError, ValueError, TypeError):
        found = None
    if not isinstance(found, dict):
        raise DataError(f"{path} is no file of jitconv.nn: it must have the attribute {name!r}")
    return found


def _made(about: Any) -> Any:
    """Return what `_plain` made plain: layers of their options, and tuples, for JSON has lists alone."""
    if isinstance(about, list):
        return tuple(map(_made, about))
    if not isinstance(about, dict):
        return about
    return LAYERS[about["layer"]](**{name: _made(value) for name, value in about["options"].items()})


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    if not path.exists():
        raise DataError(f"there is no file {path}")
    with _as_data_error(path, "is no readable HDF5 file"), h5py.File(path, "r") as file:
        found = file.attrs.get("format")
        if not np.array_equal(found, FORMAT):
            raise DataError(f"{path} must be a file of jitconv.nn, of format {FORMAT}; got {found}")
        yield file


@contextmanager
def _written_beside(path: Path) -> Iterator[h5py.File]:
    with (
        _as_data_error(path, "cannot be written"),
        files.beside(path) as new,
        h5py.File(new, "w") as file,
    ):
        yield file


@contextmanager
def _as_data_error(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{path} {what}: {error}") from None
