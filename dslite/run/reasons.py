"""Snakemake's reasons in people's words."""

import ast
import json
import re
from pathlib import PurePosixPath

from dslite.layout.paths import ACROSS, STAGES
from dslite.run.outcome import Outcome

_INPUTS = ("audio", "weights file")
_STRING = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")


def explain(reason: str, last: Outcome | None, corpus: str = "") -> str:
    """Why a notebook runs, e.g. "changed parameter profile: demo -> full".

    Args:
        reason: as Snakemake logs it.
        last: how the notebook's last attempt went, if there was one.
        corpus: whose notebook it is; empty for the one across corpora.
    """
    if any(word in reason for word in ("Missing output files", "Incomplete output files", "Forced execution")):
        return _missing(last)
    said = []
    if "Params have changed" in reason:
        said += _changed_ties(reason)
    if "Updated input files" in reason:
        said.append("changed input: " + _results(reason, "Updated input files", corpus))
    if "Set of input files has changed" in reason:
        said.append("changed input: other corpora have results")
    if "Code has changed" in reason:
        said.append("changed code: workflow/Snakefile")
    if "Input files updated by another job" in reason:
        said.append("new input: " + _results(reason, "Input files updated by another job", corpus))
    return "; ".join(said) or reason


def _missing(last: Outcome | None) -> str:
    if last is None:
        return "new"
    return {
        "running": "was cut short",
        "failed": "failed last time",
        "done": "its files are gone",
    }[last.state]


def _changed_ties(reason: str) -> list[str]:
    before, now = reason.split("before: ", 1)[1].split(" now: ", 1)
    old, new = _ties(before), _ties(now)
    names = sorted(old.keys() | new.keys())
    said = []
    files = [name.removeprefix("code ") for name in names if name.startswith("code ")]
    if files:
        more = f" and {len(files) - 3} more" if len(files) > 3 else ""
        said.append(f"changed code: {', '.join(files[:3])}{more}")
    said += [f"changed input: the {name}" for name in _INPUTS if name in names]
    for name in names:
        if name not in _INPUTS and not name.startswith("code "):
            said.append(f"changed parameter {name}: {_show(old, name)} -> {_show(new, name)}")
    return said


def _ties(text: str) -> dict[str, object]:
    """``name=JSON`` strings, as Python literals with anything between them."""
    pairs = (ast.literal_eval(literal).split("=", 1) for literal in _STRING.findall(text))
    return {name: json.loads(value) for name, value in pairs}


def _show(ties: dict[str, object], name: str) -> str:
    return str(ties[name]) if name in ties and ties[name] != "" else "nothing"


def _results(reason: str, heading: str, corpus: str) -> str:
    """Stages whose records are listed under a heading, and of which corpora if not of the notebook's own."""
    listed = reason.split(heading + ": ", 1)[1].split("\n")[0].split("; ")[0]
    records = [PurePosixPath(part) for part in re.findall(r"\S+/record\.json", listed)]
    order = (*STAGES, *ACROSS)
    stages = sorted({path.parent.name for path in records}, key=order.index)
    corpora = sorted({path.parent.parent.name for path in records})
    return f"{', '.join(stages)} of {', '.join(corpora)}" if corpora != [corpus] else ", ".join(stages)
