"""What there is to learn from: the paper's eight corpora, own data, and SYNTHETIC stand-ins."""

from dslite.corpora.download import download_ravdess
from dslite.corpora.own import is_own, slug
from dslite.corpora.reading import describe_missing, fingerprint, locate, read
from dslite.corpora.registry import CORPORA, PARTITIONS, Archive, CorpusInfo

__all__ = [
    "CORPORA", "PARTITIONS", "Archive", "CorpusInfo", "describe_missing", "download_ravdess", "fingerprint", "is_own",
    "locate", "read", "slug",
]  # fmt: skip
