"""Runs every benchmark in a process of its own, so that threads and memory of one do not touch another."""

import argparse
import subprocess
import sys

NAMES = ("frontend", "phases", "memory", "jobs", "bootstrap", "svm", "explanation", "deployment", "graph", "growth")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(NAMES)} (default: all)")
    names = parser.parse_args().names or NAMES
    if unknown := set(names) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; expected any of {', '.join(NAMES)}")
    return max(subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode for name in names)


if __name__ == "__main__":
    sys.exit(main())
