"""What readers see: figures, tables and pages, in one style. What one stage alone shows is in its ``views``.

These names are what every notebook uses; figures and tables have rooms of their own.
"""

from dslite.reporting.display import show, table, use_style, words
from dslite.reporting.provenance import banner

__all__ = ["banner", "show", "table", "use_style", "words"]
