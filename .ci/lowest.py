"""Prints the lowest version of each dependency that pyproject.toml allows, as constraints for pip.

It is run by the oldest Python, which has no `tomllib`.
"""

import re
from pathlib import Path

REQUIREMENT = re.compile(r'"([a-z0-9-]+)>=([0-9.]+)')


def main() -> None:
    """Print a line for each requirement: of jitconv, and of its extras."""
    text = Path("pyproject.toml").read_text(encoding="utf-8")
    needed = text[text.index("\ndependencies = [") : text.index("\n[project.scripts]")]
    print("\n".join(f"{name}=={version}" for name, version in sorted(set(REQUIREMENT.findall(needed)))))


if __name__ == "__main__":
    main()
