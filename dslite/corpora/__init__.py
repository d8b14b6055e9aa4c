"""What there is to learn from: the paper's eight corpora, own data, and SYNTHETIC stand-ins."""

from pathlib import Path

from dslite.corpora.download import download_ravdess, licence_text
from dslite.corpora.own import is_own, slug
from dslite.corpora.reading import DATA, Corpus, describe_missing, fingerprint, known, locate, read
from dslite.corpora.registry import CORPORA, PARTITIONS, Archive, CorpusInfo, Table1

__all__ = [
    "CORPORA",
    "DATA",
    "PARTITIONS",
    "Archive",
    "Corpus",
    "CorpusInfo",
    "Table1",
    "describe_missing",
    "download_ravdess",
    "fingerprint",
    "is_own",
    "known",
    "licence_text",
    "locate",
    "read",
    "slug",
    "write_standin",
]


def write_standin(name: str, folder: Path, seed: int) -> None:
    """Synthesises a small SYNTHETIC corpus in its official layout (see `dslite.corpora.standins.write_standin`)."""
    from dslite.corpora import standins  # imports SciPy's signal tools: not for those who only ask where a corpus is

    standins.write_standin(name, folder, seed)
