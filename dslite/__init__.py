"""dslite: reproduces DeepSpectrumLite (Amiriparian et al., Frontiers in Artificial Intelligence 5:856232, 2022)."""

__version__ = "0.1.0"
