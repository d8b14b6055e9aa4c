"""python -m benchmarks.audit: writes dslite/paper/audit.json anew."""

from dataclasses import asdict
from pathlib import Path

from benchmarks.audit import computed
from dslite.files import write_json

if __name__ == "__main__":
    place = Path(__file__).parents[2] / "dslite/paper/audit.json"
    write_json(place, [asdict(finding) for finding in computed()])
