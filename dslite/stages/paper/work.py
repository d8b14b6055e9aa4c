"""Stage ``paper``: gathers every corpus that has been evaluated and writes the tables across them."""

import time
from pathlib import Path

from dslite.errors import DsliteError
from dslite.files import read_json, write_json
from dslite.layout import records
from dslite.layout.paths import Paths
from dslite.layout.results import evaluated, gather
from dslite.stages.paper.summary import Summary


def work(output: str | Path = "", seed: int = 42) -> Summary:
    """Writes the tables, the scorecard and the page of discrepancies.

    Args:
        output: folder of ``artifacts/`` and ``reports/``; empty for the repository's root.
        seed: only noted.

    Raises:
        DsliteError: if no corpus has been evaluated there.
    """
    started = time.monotonic()
    layout = Paths.of(output)
    names = evaluated(layout)
    if not names:
        raise DsliteError(f"No corpus has been evaluated below {layout.output}; run `python run_all.py` first.")
    found = {name: read_json(layout.corpus(name).record("evaluate")) for name in names}
    found = {name: told for name, told in found.items() if told["classes"]}  # numbers are none of the paper's scores
    results = gather(layout)
    results = results[results["corpus"].isin(found)]
    standins = [n for n, record in found.items() if record["data"] == "stand-in"]
    random = [n for n, record in found.items() if record["weights"] == "random"]
    warnings = []
    if standins:
        warnings.append(f"SYNTHETIC stand-ins took the place of {', '.join(standins)}: their figures mean nothing.")
    if random:
        warnings.append(f"RANDOM WEIGHTS, no ImageNet weights, were behind {', '.join(random)}.")
    warnings += [f"{n}: {told}" for n, r in found.items() if (told := records.voices(r))]
    elsewhere = [f"{n}: {told}" for n in found if (told := records.elsewhere(layout.corpus(n)))]
    record = {
        "stage": "paper",
        "identity": records.hashed([r["identity"] for r in found.values()]),
        "seed": seed,
        "corpora": list(found),
        "warnings": warnings + elsewhere,
        "elsewhere": elsewhere,
    }
    summary = Summary(layout, results, found, record)
    summary.write()
    record |= records.circumstances(started)
    write_json(layout.across("paper").record("paper"), record)
    return summary
