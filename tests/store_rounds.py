"""Processes that store at once, one of which is killed: `python tests/store_rounds.py FOLDER ROUNDS`."""

import multiprocessing
import random
import sys
import time
from pathlib import Path

import h5py  # noqa: F401 (here once, and not in each of the forked processes)

from jitconv.store import Measured, open_store

PROCESSES = 8
ADDED = 6
"""So often each process stores two problems, if it lives."""


def write(place, me, go, told):
    """Store, and tell after each time."""
    store = open_store(place)
    go.wait()
    for number in range(ADDED):
        store.add(
            {"process": str(me), "number": str(number)}, {"direct": Measured([number + 1.0])}, when=number
        )
        store.add({"process": "all"}, {str(me): Measured([number + 1.0])}, when=number)
        told.send(number)


def run_round(place, rng):
    """Let processes store at once and kill one; return it, and how often each had stored."""
    context = multiprocessing.get_context(
        "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    )
    go = context.Event()
    pipes = [context.Pipe(duplex=False) for _ in range(PROCESSES)]
    begun = [context.Process(target=write, args=(place, me, go, pipes[me][1])) for me in range(PROCESSES)]
    for one in begun:
        one.start()
    for _, sender in pipes:
        sender.close()
    go.set()
    victim = rng.randrange(PROCESSES)
    stored = [0] * PROCESSES
    for _ in range(rng.randint(1, ADDED // 2)):
        pipes[victim][0].recv()
        stored[victim] += 1
    time.sleep(rng.uniform(0, 0.02))
    begun[victim].kill()
    for me, one in enumerate(begun):
        one.join()
        while pipes[me][0].poll():
            try:
                pipes[me][0].recv()
            except EOFError:
                break
            stored[me] += 1
        pipes[me][0].close()
        assert one.exitcode == 0 or me == victim, f"process {me} left with {one.exitcode}"
    assert begun[victim].exitcode != 0, "it had ended before it was killed"
    return victim, stored


def check_round(place, seed):
    """Run a round, and check that nothing of what was stored is lost."""
    victim, stored = run_round(place, random.Random(seed))
    assert all(count == ADDED or me == victim for me, count in enumerate(stored))
    store = open_store(place)
    assert store.trouble() is None
    for me, count in enumerate(stored):
        for number in range(count):
            found = store.find({"process": str(me), "number": str(number)})
            assert found is not None, f"process {me} had stored {number}, which is lost"
            assert found.candidates["direct"].samples.tolist() == [number + 1.0]
        shared = store.find({"process": "all"}).candidates[str(me)].samples.tolist()
        assert shared[:count] == [number + 1.0 for number in range(count)]
    return victim, stored[victim]


def main():
    """Run so many rounds, each in a store of its own."""
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
    for seed in range(rounds):
        began = time.perf_counter()
        place = folder / str(seed) / "store.h5"
        victim, count = check_round(place, seed)
        left = [one.suffix for one in place.with_name("store.h5.news").iterdir()]
        seconds = time.perf_counter() - began
        print(f"round {seed}: {seconds:.1f} s, process {victim} killed after {count}, left {left}")
    print(f"{rounds} rounds of {PROCESSES} processes: no corrupt store, nothing lost")


if __name__ == "__main__":
    main()
