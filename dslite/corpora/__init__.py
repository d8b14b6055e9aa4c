"""What there is to learn from: the paper's eight corpora, others by name, own data, and SYNTHETIC stand-ins."""

from dslite.corpora.checks import UnfitCorpus, refuse_unfit
from dslite.corpora.download import DOWNLOADS, download_ravdess
from dslite.corpora.own import FORM, results_name, slug
from dslite.corpora.reading import (
    as_numbers,
    describe_missing,
    fingerprint,
    known,
    locate,
    own_chunk,
    own_durations,
    own_numeric,
    read,
    told,
)
from dslite.corpora.registry import CORPORA, PARTITIONS, REGISTRY, Archive, CorpusInfo
from dslite.corpora.split import same_recordings

__all__ = [
    "CORPORA", "DOWNLOADS", "FORM", "PARTITIONS", "REGISTRY", "Archive", "CorpusInfo", "UnfitCorpus", "as_numbers",
    "describe_missing", "download_ravdess", "fingerprint", "known", "locate", "own_chunk", "own_durations",
    "own_numeric", "read", "refuse_unfit", "results_name", "same_recordings", "slug", "told",
]  # fmt: skip
