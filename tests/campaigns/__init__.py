"""Faults on purpose, by the dozen. Each module is a command that prints what it saw; the tests run a part of each."""
