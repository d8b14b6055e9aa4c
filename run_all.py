"""Regenerates the paper: from audio to tables, for all eight corpora. ``python run_all.py --help`` tells the rest."""

import sys

from dslite.run.cli import main

if __name__ == "__main__":
    sys.exit(main())
