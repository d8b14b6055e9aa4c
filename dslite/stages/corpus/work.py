"""Stage ``corpus``: finds the audio (or synthesises a stand-in), checks it, decodes it once and caches spectrograms."""

from dataclasses import asdict

import pandas as pd

from dslite.corpora import split
from dslite.corpora.checks import refuse_unfit
from dslite.corpora.reading import fingerprint, read, told
from dslite.layout import progress, records
from dslite.layout.finished import FinishedStage
from dslite.layout.settings import Settings
from dslite.readings import PAINTED
from dslite.wording import counted


def work(settings: Settings) -> FinishedStage:
    """Leaves ``clips``, ``found``, ``problems``, the decoded ``samples``, ``chunks`` and their ``spectrograms``; these
    three stay as they are where all that is new are labels, speakers or partitions.

    Raises:
        DsliteError: if the audio cannot be used, or a partition lacks a class.
    """
    real_size = dict(settings.changes).get("standin_size") == "real"
    drawn = {"audio": f"stand-in {settings.seed}" + " of real size" * real_size}
    sources = drawn if settings.standin else fingerprint(settings.recordings)
    asked = {
        "corpus": settings.source,
        "folder": "" if settings.standin else str(settings.folder),  # a stand-in moves with the output folder
        "audio": sources,
        "chunk": settings.recipe.chunk,
        "reading": settings.reading.parameters("corpus"),
        "split": sorted(split.read(settings.split).items()),
    }
    asked |= {"task": settings.task} if settings.numeric else {}
    identity = records.identity("corpus", asked, settings.chosen)
    if record := records.made(settings, "corpus", identity):
        return FinishedStage(settings, record)
    from dslite.stages.corpus.cache import cache  # imports TensorFlow: not for those who find their results made
    from dslite.store import RATE, decode, twins

    paths, last = settings.paths, records.last(settings, "corpus")
    started = records.start(settings, "corpus")
    front_end = asdict(settings.reading.front_end())
    if settings.standin:
        from dslite.corpora.standins import write_standin

        progress.report(0, 1, "synthesising a stand-in")
        write_standin(settings.source, settings.folder, settings.seed, real_size, progress.report)

    def report(text: str, begin: float):
        def count(done: int) -> None:
            if done % 25 == 0:
                progress.report(begin + 0.5 * done / len(files), 1, f"{text}, file {done} of {len(files)}")

        return count

    corpus = read(settings.source, settings.folder, settings.split, settings.numeric)
    files = list(corpus.clips["file"])
    heard = asked | {"audio": sources["audio"], "split": "", "files": files}
    heard_as = records.identity("corpus", heard, settings.chosen)
    same = FinishedStage(settings, last) if last.get("heard_as") == heard_as else None
    decoding = report("decoding", 0.0)
    undecoded = same.table("undecoded") if same else decode(files, settings.folder, paths.samples, decoding)
    clips, repeated, twice = split.same_recordings(corpus.clips, twins(paths.samples), corpus.split)
    found = clips[~clips["file"].isin(undecoded["file"])].reset_index(drop=True)
    noticed = pd.concat([corpus.problems, undecoded], ignore_index=True)
    refuse_unfit(settings.source, corpus.info, found, noticed)
    before = (same.chunks, same.table("short")) if same else None
    cached = cache(settings, found, corpus.info.classes, paths.samples, report("spectrograms", 0.5), before)
    problems = pd.concat([noticed, repeated, cached.problems], ignore_index=True)
    if corpus.split:  # written once all has gone well, and from then on part of what the results depend on
        split.write(settings.split, corpus.split)
        identity = records.identity("corpus", asked | {"split": sorted(corpus.split.items())}, settings.chosen)
    record = {
        **records.begin(settings, "corpus", identity, started),
        "data": corpus.data,
        "note": corpus.note,
        "about": {name: getattr(corpus.info, name) for name in ("name", "short", "title", "partition")},
        "shared_audio": "SYNTHETIC: nobody's recordings" if corpus.data == "stand-in" else corpus.info.shared_audio,
        "classes": list(corpus.info.classes),
        "files": len(cached.clips),
        "skipped": int(((problems["kind"] == "skipped") & (problems["file"] != "")).sum()),
        "chunks": len(cached.chunks),
        "data_hash": cached.data_hash,
        "heard_as": heard_as,
        "front_end": {name: at for name, at in front_end.items() if name not in PAINTED},
        "warnings": [
            *_unknown_voices(settings, cached.clips),
            *cached.warnings,
            *_low_rates(cached.clips, RATE),
            *twice,
            *told(noticed),
        ],
    }
    tables = {"clips": cached.clips, "found": found, "chunks": cached.chunks, "problems": problems}
    tables |= {"undecoded": undecoded, "short": cached.problems}
    return records.write(settings, record, tables)


def _unknown_voices(settings: Settings, clips: pd.DataFrame) -> list[str]:
    """What is to be said of own data whose files name no speaker."""
    unnamed = int((clips["speaker"] == "").sum())
    if settings.reader != "own_csv" or not unnamed:
        return []
    return [
        f"{unnamed} of {len(clips)} files name no speaker, so {records.SAME_VOICE}: scores "
        "then tell how well known voices are recognised, which is better, often by far, than new ones would be."
    ]


def _low_rates(clips: pd.DataFrame, usual: int) -> list[str]:
    """What is to be said of files that were recorded at less than the usual rate, in Hz."""
    counts = clips.loc[clips["rate"] < usual, "rate"].value_counts().sort_index()
    return [
        f"{counted(count, 'file')} recorded at {rate} Hz: the plots are empty above {rate / 2:g} Hz. A model that "
        f"learns from them expects such files; and where classes differ in their rate, it learns the rate."
        for rate, count in counts.items()
    ]
