"""BLAS's threads are the process's: held to the least limit of those inside, given back after the last."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, current_thread

import numpy as np
import pytest

import jitconv
from jitconv.jit import threads
from jitconv.ops import prepare
from jitconv.specs import parse
from jitconv.testing import draw


class Library:
    """What threadpoolctl has of a BLAS: a number that is read and set."""

    def __init__(self, count):
        self.num_threads = count

    def set_num_threads(self, count):
        """Set it."""
        self.num_threads = count


class OneThreadsLibrary(Library):
    """The same since threadpoolctl 3.8: the first thread that sets is the only one until it lets go."""

    controlling = None

    def set_num_threads(self, count):
        """Set it, or do nothing for another thread than the controlling one."""
        self.controlling = self.controlling or current_thread()
        if self.controlling is current_thread():
            self.num_threads = count

    def clear_controlling_thread(self):
        """Let go, if it is this thread's."""
        if self.controlling is current_thread():
            self.controlling = None


@pytest.fixture
def library(monkeypatch):
    """Put a BLAS of eight threads in the place of NumPy's."""
    one = Library(8)
    monkeypatch.setattr(threads, "_blas_libraries", lambda: [one])
    monkeypatch.setattr(threads, "_blas", threads._Blas())
    return one


def limited(count):
    """Return a context in which BLAS is held to so many threads."""
    threads.limit.set(count)
    return threads.blas_threads()


@pytest.fixture(autouse=True)
def limit_as_before():
    """Leave no limit behind."""
    token = threads.limit.set(None)
    yield
    threads.limit.reset(token)


def test_whoever_leaves_first_takes_nothing_from_the_others(library):
    first, second = limited(1), limited(1)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert library.num_threads == 1
    second.__exit__(None, None, None)
    assert library.num_threads == 8


def test_the_least_limit_of_those_inside_holds(library):
    seen = []
    one, four, two = (threads.blas_threads() for _ in range(3))
    for context, count in ((four, 4), (one, 1), (two, 2)):
        threads.limit.set(count)
        context.__enter__()
        seen.append(library.num_threads)
    for context in (one, four, two):
        context.__exit__(None, None, None)
        seen.append(library.num_threads)
    assert seen == [4, 1, 1, 2, 2, 8]


def test_a_limit_gives_no_more_than_there_were(library):
    library.num_threads = 2
    with limited(16):
        assert library.num_threads == 2
    assert library.num_threads == 2


def test_an_error_inside_counts_as_leaving(library):
    with pytest.raises(ZeroDivisionError), limited(1):
        raise ZeroDivisionError
    assert library.num_threads == 8


def test_another_thread_than_the_one_that_held_blas_gives_it_back(monkeypatch):
    library = OneThreadsLibrary(8)
    monkeypatch.setattr(threads, "_blas_libraries", lambda: [library])
    blas = threads._Blas()
    blas.enter(1)
    assert library.num_threads == 1
    with ThreadPoolExecutor(1) as pool:
        pool.submit(blas.leave, 1).result()
    assert library.num_threads == 8


def test_python_threads_leave_blas_as_it_was():
    x, w = np.ones((1, 8, 8, 4), np.float32), np.ones((3, 3, 4, 4), np.float32)
    before = [library.num_threads for library in threads._blas_libraries()]
    together = Barrier(4)

    def work(count):
        together.wait()
        for _ in range(100):
            with jitconv.config(threads=count):
                jitconv.conv_forward(x, w, algorithm="im2col")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, (1, 1, 2, 3)))
    assert [library.num_threads for library in threads._blas_libraries()] == before


@pytest.mark.parametrize(
    ("madds", "limit", "inside"),
    [
        (0, None, 8),
        (2**18 - 1, None, 8),
        (2**18, None, 1),
        (2**24 - 1, None, 1),
        (2**24, None, 8),
        (2**20, 4, 1),
    ],
)
def test_products_that_gain_nothing_by_a_second_thread_have_one(library, madds, limit, inside):
    threads.limit.set(limit)
    with threads.blas_threads(madds):
        assert library.num_threads == inside
    assert library.num_threads == 8


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(
    ("problem", "least"), [("n2h9w9c16 k3x3f32 s1 p1", 1), ("n2h60w60c64 k3x3f64 s1 p1", 8)]
)
def test_im2col_tells_what_each_product_is(library, monkeypatch, problem, least, layout):
    seen, before = [], np.matmul

    def product(*operands, **options):
        seen.append(library.num_threads)
        return before(*operands, **options)

    monkeypatch.setattr(np, "matmul", product)
    call = prepare("conv_forward", parse(problem, layout=layout), "im2col")
    call.run(draw("conv_forward", call.spec, np.random.default_rng(0)))
    assert set(seen) == {least}
    assert library.num_threads == 8
