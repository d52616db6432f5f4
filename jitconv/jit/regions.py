"""The machine code of the team of threads: how a parallel region is begun, shared and ended.

A region is some tasks, numbered from 0. The thread that begins it takes tasks until none is left, and so does
every worker that comes to help; at the end it waits for those alone that a worker has begun. So a region ends
though no worker ever comes: one that the system does not run, because another program has the core, delays
nobody. Whoever has nothing to do spins for a millisecond, as long as there may be another region soon, and
then sleeps (Linux's futex); who spins for longer than between two calls, and who waits for the last tasks,
yields its core again and again, for what it waits for may need this one.

None of it may run Python. State is one array of int64, each word that threads write in a cache line of its
own.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from jitconv.jit.flow import Flow
from jitconv.jit.integers import I32, I64, Flag, Int, known
from jitconv.jit.workers import FUTEX

LIBRARY = "jitconv.jit.regions.team"

LINE = 8
"""Words of a cache line."""

TICKET = 0 * LINE
"""Which tasks of a region nobody has taken: number of the region · 2^32 + the one after the last · 2^16 + the
first."""
ENDED = 1 * LINE
"""Tasks of the region that have ended."""
WAITING = 2 * LINE
"""Not 0 while who began the region sleeps until they all have."""
BUSY = 3 * LINE
"""Not 0 while there is a region."""
NUMBER = 4 * LINE
"""Of the last region; workers wait for another one."""
SLEEPERS = 5 * LINE
"""Workers that sleep."""
WANTED = 6 * LINE
"""Workers that may still join the region."""
STOP = 7 * LINE
"""Not 0 once the workers shall end."""
KEY = 7 * LINE + 1
"""Where each thread keeps how many threads its regions may have, among what `pthread_getspecific` returns."""
REGION = 8 * LINE
"""What the region runs, in the order of the following."""
FUNCTION, ARRAYS, SIZES, STEPS, DATA, DIMENSIONS, ARRAY_COUNT = range(7)
WORDS = 9 * LINE

HALF, MOST = 2**32, 2**16
CLOSED = 1
"""What of a ticket says that there is nothing to take."""

SPINS = 40_000
"""Rounds of spinning: some millisecond of a core that pauses for 27 ns in each. A thread that slept is put
beside the one that woke it, and stays there for milliseconds: with 40 µs gradients of 1x1 layers took 0.50 to
0.72 of GNU OpenMP's speed, with 270 µs some layers whose calls pack for longer 0.52 to 0.54, with 1 ms 0.91
to 1.01 (two AMD cores, four layers that were slow)."""

YIELDS = 64
"""Rounds of spinning between two times at which the core is left to whoever waits for it (`sched_yield`, at
once back where nobody does): the system may have put the thread that is awaited on this very one. To yield
takes 0.5 µs, the rounds 1.7 (an AMD core); other numbers of them were not measured."""

IDLE = 16_384
"""Rounds for which an idle worker keeps its core to itself, some 440 µs: a call ends and the next begins.
Then it yields, too: to another program, or to the thread whose next region it waits for. At once, after 54,
220 and 440 µs a pooling of 0.14 ms beside a busy process took 0.39, 0.29, 0.34 and 0.31 ms in the mean (a
thread alone 0.3, this team without yielding 0.97), a convolution of 0.45 ms 0.80, 0.88, 0.79 and 0.75 (0.7;
1.4): two AMD cores, Linux 6.18 with a tick of 4 ms."""

FRESH = 2_500_000
"""Nanoseconds for which a worker begins tasks before it yields. What is begun all wait for, and a worker
that loses its core to a busy program in the midst of a task is away for a slice of it, 4 ms; one that comes
back from yielding had such a slice before it (3.97 ms in three of four). With 0.5 ms it helped little, see
above; with 2.5 a tenth of the convolutions took 1.15 ms, without 2.7."""

DIVIDED = 4
"""Parts of a loop for each of its threads: what one of them loses to another program, the others take. An
empty region takes 4.7, 4.7, 5.1, 5.6 and 6.9 µs with 1, 2, 4, 8 and 16; with 2 a convolution of 10 tasks took
1380 µs instead of 1150, for one thread had six of them (two AMD cores)."""

STATE = "jitconv_team_state"
PARALLEL_FOR, WORKER, DIVISIONS = "jitconv_parallel_for", "jitconv_worker", "jitconv_divisions"
THREADS, END_WORKERS = "jitconv_threads", "jitconv_end_workers"

PAUSE: dict[str, tuple[str, list[Any]]] = {
    "x86_64": ("llvm.x86.sse2.pause", []),
    "aarch64": ("llvm.aarch64.hint", [I32(1)]),
}
"""An instruction that leaves a core to its other thread."""
MONOTONIC = 1
"""The number of Linux's clock. By definition."""
WAIT, WAKE = 128, 129
"""Operations of a futex, for threads of one process."""

POINTER = ir.IntType(8).as_pointer()
WORD = I64.as_pointer()
NOTHING = ir.VoidType()


def functions(module: Any) -> None:
    """Write all functions of the team."""
    state = ir.GlobalVariable(module, ir.ArrayType(I64, WORDS), STATE)
    state.linkage = "external"
    run = _write(module, "jitconv_run_task", NOTHING, [WORD, I64], _run)
    front = _write(module, "jitconv_share_front", NOTHING, [I64], lambda c, n: _share(c, n, run))
    kinds = [I64, WORD]
    back = _write(module, "jitconv_share_back", NOTHING, kinds, lambda c, n, since: _share(c, n, run, since))
    _write(module, WORKER, POINTER, [POINTER], lambda c, _: _work(c, back))
    kinds = [POINTER] * 5 + [I64] * 3
    _write(module, PARALLEL_FOR, NOTHING, kinds, lambda c, *given: _region(c, front, run, given))
    _write(module, END_WORKERS, NOTHING, [], _end_workers)
    threads = _write(module, THREADS, I64, [], _threads)
    _write(module, DIVISIONS, I64, [], lambda c: _divisions(c, threads))


def _write(module: Any, name: str, result: Any, kinds: list[Any], write: Callable[..., Any]) -> Any:
    function = ir.Function(module, ir.FunctionType(result, kinds), name)
    code = Code(ir.IRBuilder(function.append_basic_block("entry")))
    returned = write(code, *(Int(code.build, one) if one.type == I64 else one for one in function.args))
    code.build.ret_void() if returned is None else code.build.ret(returned)
    return function


class Code(Flow):
    """Writes what a thread does with the state."""

    def place(self, word: int) -> Any:
        """Return the address of a word of the state."""
        state = self.build.module.globals[STATE]
        return self.build.gep(state, [I32(0), I32(word)])

    def read(self, word: int) -> Int:
        """Return a word as it is now."""
        return Int(self.build, self.build.load_atomic(self.place(word), "seq_cst", 8))

    def put(self, word: int, value: Any) -> None:
        """Change a word, after all that was changed before."""
        self.build.store_atomic(known(value), self.place(word), "seq_cst", 8)

    def add(self, word: int, value: int) -> Int:
        """Add to a word in one step; return what it was before."""
        return Int(self.build, self.build.atomic_rmw("add", self.place(word), I64(value), "seq_cst"))

    def swap(self, word: int, old: Any, new: Any) -> Flag:
        """Change a word if it is still the old one; return whether it was."""
        pair = self.build.cmpxchg(self.place(word), known(old), known(new), "seq_cst")
        return Flag(self.build, self.build.extract_value(pair, 1))

    def pause(self) -> None:
        """Leave the core to its other thread for some nanoseconds."""
        name, values = PAUSE[platform.machine()]
        kind = ir.FunctionType(NOTHING, [one.type for one in values])
        self.build.call(cgutils.get_or_insert_function(self.build.module, kind, name), values)

    def now(self) -> Int:
        """Return the nanoseconds of a clock that only goes on."""
        time = cgutils.alloca_once(self.build, I64, size=2)
        kind = ir.FunctionType(I32, [I32, WORD])
        function = cgutils.get_or_insert_function(self.build.module, kind, "clock_gettime")
        self.build.call(function, [I32(MONOTONIC), time])
        return self.entry(time) * 10**9 + self.entry(time, 1)

    def yield_core(self) -> None:
        """Let whoever waits for this core have it."""
        function = cgutils.get_or_insert_function(self.build.module, ir.FunctionType(I32, []), "sched_yield")
        self.build.call(function, [])

    def futex(self, word: int, operation: int, value: Any) -> None:
        """Sleep until woken, if a word's lower half is still `value`; or wake so many."""
        build, none = self.build, I64(0)
        kind = ir.FunctionType(I64, [I64] * 7)
        function = cgutils.get_or_insert_function(build.module, kind, "syscall")
        address = build.ptrtoint(self.place(word), I64)
        number = FUTEX[platform.machine()]
        build.call(function, [I64(number), address, I64(operation), known(value), none, none, none])

    @contextmanager
    def forever(self) -> Iterator[Any]:
        """Write a loop around what is written meanwhile; `leave` gets out of it."""
        head, end = (self.build.append_basic_block(name) for name in ("again", "end"))
        self.build.branch(head)
        self.build.position_at_end(head)
        yield Loop(self, head, end)
        if not self.build.block.is_terminated:
            self.build.branch(head)
        self.build.position_at_end(end)

    def spin(self, awaited: Callable[[], Flag], kept: int) -> Flag:
        """Wait for a millisecond, the first rounds with the core kept; return whether it has come."""
        rounds = self.variable(I64(0))
        with self.forever() as loop:
            came = awaited()
            tired = Int(self.build, self.build.load(rounds)) >= SPINS
            loop.leave_if(came | tired)
            self.build.store(Int(self.build, self.build.load(rounds)) + 1, rounds)
            self.pause()
            now = self.entry(rounds)
            with self.build.if_then((now % YIELDS == 0) & (now >= kept)):
                self.yield_core()
        return awaited()


class Loop:
    """A loop that is being written."""

    def __init__(self, code: Code, head: Any, end: Any) -> None:
        self._code, self._head, self._end = code, head, end

    def leave_if(self, flag: Any) -> None:
        """Leave it here if the flag is set."""
        self._jump_if(flag, self._end)

    def again_if(self, flag: Any) -> None:
        """Begin its next round here if the flag is set."""
        self._jump_if(flag, self._head)

    def _jump_if(self, flag: Any, where: Any) -> None:
        build = self._code.build
        on = build.append_basic_block("on")
        build.cbranch(flag, where, on)
        build.position_at_end(on)


def _run(c: Code, region: Any, task: Int) -> None:
    """Run one task: the function of the region on its part of the arrays, as Numba's own layers do."""
    build = c.build
    arrays, sizes, steps = (build.inttoptr(c.entry(region, one), WORD) for one in (ARRAYS, SIZES, STEPS))
    dimensions, count = c.entry(region, DIMENSIONS), c.entry(region, ARRAY_COUNT)
    own_arrays, own_sizes = (build.alloca(I64, one.value) for one in (count, dimensions + 1))
    with c.range(dimensions + 1) as i:
        build.store(c.entry(sizes, i), c.at(own_sizes, i))
    build.store(I64(1), own_sizes)
    with c.range(count) as i:
        build.store(c.entry(arrays, i) + c.entry(steps, i) * task, c.at(own_arrays, i))
    kind = ir.FunctionType(NOTHING, [WORD, WORD, WORD, POINTER])
    function = build.inttoptr(c.entry(region, FUNCTION), kind.as_pointer())
    build.call(function, [own_arrays, own_sizes, steps, build.inttoptr(c.entry(region, DATA), POINTER)])


def _share(c: Code, number: Int, run: Any, since: Any = None) -> None:
    """Take tasks of a region, the first of those left or the last, while it is this one and there are any.

    Who began it takes the first ones: what a thread wrote in one region it finds in its cache in the next.
    While a task is taken and not ended its region cannot end. A worker takes the last ones, and notes `since`
    when it has the core.
    """
    back = since is not None
    with c.forever() as loop:
        if back:
            with c.build.if_then(c.now() - c.entry(since) > FRESH):
                c.yield_core()
                c.build.store(c.now(), since)
        ticket = c.read(TICKET)
        first, last = ticket & (MOST - 1), (ticket >> 16) & (MOST - 1)
        loop.leave_if(((ticket >> 32) != number) | (first >= last))
        loop.again_if(~c.swap(TICKET, ticket, ticket - MOST if back else ticket + 1))
        c.build.call(run, [c.place(REGION), last - 1 if back else first])
        c.add(ENDED, 1)
        with c.build.if_then(c.read(WAITING) != 0):
            c.futex(ENDED, WAKE, 1)


def _work(c: Code, share: Any) -> Any:
    """Help with one region after the other, until told to end."""
    seen, since = c.variable(I64(0)), c.variable(I64(0))
    with c.forever() as loop:
        before = c.entry(seen)
        with c.build.if_then(~c.spin(lambda: c.read(NUMBER) != before, IDLE)):
            c.add(SLEEPERS, 1)
            c.futex(NUMBER, WAIT, before)
            c.add(SLEEPERS, -1)
            c.build.store(c.now(), since)
        number = c.read(NUMBER)
        loop.again_if(number == before)
        c.build.store(number, seen)
        loop.leave_if(c.read(STOP) != 0)
        loop.again_if(c.add(WANTED, -1) <= 0)
        c.build.call(share, [number, since])
    return POINTER(None)


def _region(c: Code, share: Any, run: Any, given: Sequence[Any]) -> None:
    """Begin a region, take its tasks, and wait for those that others have begun.

    While another thread has a region the workers are its own: the caller then runs all tasks by itself.
    """
    build = c.build
    *region, threads = given
    region = [one if one.type == I64 else Int(build, build.ptrtoint(one, I64)) for one in region]
    tasks = c.entry(build.inttoptr(region[SIZES], WORD))
    mine = c.variable(I64(0))
    with build.if_then((threads > 1) & (tasks > 1) & (tasks < MOST)):
        build.store(c.swap(BUSY, 0, 1).choose(1, 0), mine)
    with build.if_else(c.entry(mine) != 0) as (together, alone):
        with together:
            _together(c, share, region, tasks, threads)
        with alone:
            own = build.alloca(I64, len(region))
            for place, one in enumerate(region):
                build.store(one, c.at(own, place))
            with c.range(tasks) as task:
                build.call(run, [own, task])


def _together(c: Code, share: Any, region: Sequence[Int], tasks: Int, threads: Int) -> None:
    number = (c.read(NUMBER) + 1) & (HALF // 2 - 1)
    # closed first: a worker that is late must not take what it has seen half of
    c.put(TICKET, number * HALF + CLOSED)
    c.build.fence("seq_cst")
    for place, one in enumerate(region):
        c.build.store(one, c.place(REGION + place))
    c.put(ENDED, 0)
    c.put(WANTED, threads - 1)
    c.put(TICKET, number * HALF + tasks * MOST)
    c.put(NUMBER, number)
    with c.build.if_then(c.read(SLEEPERS) > 0):
        c.futex(NUMBER, WAKE, threads - 1)
    c.build.call(share, [number])
    with c.forever() as loop:
        loop.leave_if(c.spin(lambda: c.read(ENDED) == tasks, YIELDS))
        c.put(WAITING, 1)
        ended = c.read(ENDED)
        with c.build.if_then(ended != tasks):
            c.futex(ENDED, WAIT, ended)
        c.put(WAITING, 0)
    c.put(BUSY, 0)


def _end_workers(c: Code) -> None:
    """Tell the workers to end, also while another thread begins a region.

    The number is changed in one step: read and written it might become one that a worker has seen already.
    """
    c.put(STOP, 1)
    c.add(NUMBER, 1)
    c.futex(NUMBER, WAKE, I64(MOST))


def _threads(c: Code) -> Any:
    """Return how many threads a region of the calling thread may have."""
    build = c.build
    kind = ir.FunctionType(POINTER, [I32])
    function = cgutils.get_or_insert_function(build.module, kind, "pthread_getspecific")
    key = build.trunc(c.entry(c.place(KEY)), I32)
    return build.ptrtoint(build.call(function, [key]), I64)


def _divisions(c: Code, threads: Any) -> Any:
    """Return into how many tasks Numba is to divide a loop."""
    count = Int(c.build, c.build.call(threads, []))
    return (count > 1).choose(count * DIVIDED, 1).value
