"""Which algorithms a plugin has, as the environment of the head tells."""

from __future__ import annotations

import json
import os
import subprocess

from jitconv.bench.gate.build import BuildError
from jitconv.bench.gate.sides import Place
from jitconv.errors import ParameterError, nearest


def algorithms(head: Place, plugin: str) -> list[tuple[str, str]]:
    """Return op and name of each of a plugin's algorithms, as its head has them.

    Raises
    ------
    ParameterError
        When no plugin has this name, nor an algorithm of it.
    BuildError
        When plugins cannot be listed.
    """
    command = [str(head.python), "-m", "jitconv.cli", "plugins", "--json"]
    environment = {**os.environ, **head.environment}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise BuildError(f"head does not list its plugins: {done.stderr.strip().splitlines()[-1]}")
    listed = {
        one["name"]: [(own["op"], own["name"]) for own in one["algorithms"]]
        for one in json.loads(done.stdout)
    }
    for name, own in listed.items():
        if plugin in (name, name.removeprefix("jitconv-"), *(algorithm for _, algorithm in own)):
            return own
    known = sorted(listed)
    raise ParameterError(
        f"--plugin must name a plugin of the head, {', '.join(known)}; got {plugin!r}{nearest(plugin, known)}"
    )
