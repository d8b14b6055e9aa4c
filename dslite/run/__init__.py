"""The run: command line, plan, staleness, engine, screen. It knows stages by their catalogue alone.

Notebooks use :func:`dslite.run.notebook.stage`.
"""
