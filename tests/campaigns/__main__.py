"""Runs campaigns and writes what they saw into docs/reliability.md: ``python -m tests.campaigns [NAME ...]``."""

import argparse
import re
import subprocess
import sys
from datetime import date

from tests.whole import ROOT

COMMANDS = {
    "bad_input": ("bad_input",),
    "fuzz": ("fuzz", "--times", "20000"),
    "kill": ("kill", "--times", "20"),
    "scarce": ("scarce",),
}
"""By name, what follows ``python -m tests.campaigns.``: minutes each, the last two with two cores to themselves."""

PAGE = ROOT / "docs/reliability.md"


def section(name: str, said: str, failed: bool) -> str:
    """What a campaign printed, with its command and the date."""
    shown = said if said.startswith("|") else f"```\n{said}\n```"
    how = " ".join(COMMANDS[name])
    return f"\n`python -m tests.campaigns.{how}`, {date.today()}{', **something was wrong**' * failed}:\n\n{shown}\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(COMMANDS)} (default: all)")
    names, failed = parser.parse_args().names or COMMANDS, False
    if unknown := set(names) - set(COMMANDS):
        parser.error(f"there is no campaign {', '.join(sorted(unknown))}; expected any of {', '.join(COMMANDS)}")
    for name in names:
        command = [sys.executable, "-W", "ignore", "-m", f"tests.campaigns.{COMMANDS[name][0]}", *COMMANDS[name][1:]]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
        failed |= bool(done.returncode)
        marked = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end of {name} -->)", re.DOTALL)
        text = section(name, done.stdout.strip(), bool(done.returncode)).replace("\\", r"\\")
        PAGE.write_text(marked.sub(text, PAGE.read_text("utf-8")), "utf-8")
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
