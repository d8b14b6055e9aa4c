"""`make bench`: speed and memory as ratios of interleaved runs."""
