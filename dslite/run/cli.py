"""``run_all.py``: options in, one run, exit code out."""

import argparse
import json
import os
import sys
import time
import traceback
from contextlib import nullcontext, suppress
from pathlib import Path

from dslite import changes, corpora
from dslite.errors import DsliteError
from dslite.files import read_json
from dslite.layout import records
from dslite.layout.paths import NOTEBOOKS, Paths
from dslite.layout.settings import Settings
from dslite.run import cluster, gpus, leftover, listing, options, outputs, runlock, session, showcase, signals
from dslite.run.exporting import export
from dslite.run.plan import Plan
from dslite.run.resolve import OutputAmongRecordings, refuse_numbers, resolve, with_weights
from dslite.stages.catalogue import STAGES, chain

INTERRUPTED = 130
"""Exit code of a run that was told to stop."""


def main(arguments: list[str] | None = None, templates: Path = NOTEBOOKS) -> int:
    """Runs the command, with the process' own arguments if none are given and notebooks from the folder of templates.

    Returns:
        0 if all is done, 1 if something failed (with ``--strict``: or a figure differs on real data; with ``--verify``:
        if something is not what it is computed from), 130 if it was
        told to stop; argparse exits with 2 on wrong options.
    """
    chosen = options.parse(arguments)
    paths = Paths.of(chosen.output, changes.folder(chosen.changes.items()))
    signals.take()
    try:
        if chosen.download:
            return _download(chosen)
        if chosen.verify:
            return _verify(Path(chosen.verify).expanduser().resolve(), chosen.cores, chosen.json)
        if chosen.export_results:
            named = [] if chosen.corpora == list(corpora.CORPORA) else chosen.corpora
            named = [corpora.results_name(name, chosen.task) for name in named]
            place = Path(chosen.export_results).expanduser().resolve()
            print("\n".join(export(paths, named, place, chosen.with_recordings)))
            return 0
        if chosen.import_results:
            return _import(chosen, paths)
        if chosen.bundle:
            print(f"The reports as one file: {outputs.bundle(paths)}")
            return 0
        if chosen.showcase:
            print(f"The pages without sounds: {showcase.copy(paths, Path(chosen.showcase).expanduser().resolve())}")
            return 0
        if chosen.list:
            return _list(chosen, templates)
        return _run(chosen, paths, templates)
    except DsliteError as error:
        begun = os.path.isdir(paths.artifacts)  # for what is refused none is made
        if begun and not isinstance(error, OutputAmongRecordings):
            _log(paths)
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; the same command goes on from here.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, `head` for instance, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(not (chosen.list or chosen.dry_run))  # a run that nobody reads is not finished
    except Exception as error:
        _log(paths)
        print(f"{type(error).__name__}: {error} (details in {paths.engine_log})", file=sys.stderr)
        return 1


def _run(chosen: argparse.Namespace, paths: Paths, templates: Path) -> int:
    if chosen.strict and "paper" not in chosen.stages:
        raise DsliteError("--strict reads the scorecard, which the stage paper writes: add it to --stages.")
    if chosen.discrepancies and "ablation" not in chosen.stages:
        raise DsliteError("--discrepancies is for the stage ablation alone: add --stages ablation.")
    afar = cluster.chosen(chosen.executor, chosen.cluster_options, chosen.gpus) if chosen.executor else None
    if chosen.gpus and not afar:
        gpus.offer(chosen.gpus)
    how = (chosen.benchmark, chosen.cores, templates, afar)
    began = time.time()
    runlock.refuse_files(paths)
    settings = _settings(chosen, chosen.corpora)
    refuse_numbers(chosen.stages, settings)
    wanted = not chosen.dry_run and any(STAGES[name].weights for stage in chosen.stages for name in chain(stage))
    settings = with_weights(settings) if wanted else settings
    sources = {s.origin.name: s.origin for s in settings if s.origin}
    print("\n".join(listing.setting_lines([*settings, *sources.values()])), flush=True)
    scores = {"evaluate", "paper"} & set(chosen.stages)  # without, no further seeds: the ablation fits its own
    here = [s.source for s in settings if not records.elsewhere(s.paths)]
    further = range(chosen.seed + 1, chosen.seed + chosen.seeds) if scores and here else ()
    with_seed = [argparse.Namespace(**vars(chosen) | {"seed": seed, "output": paths.seed(seed)}) for seed in further]
    seeds = [_settings(one, here) for one in with_seed]
    with nullcontext() if chosen.dry_run else runlock.alone(paths):
        planned = leftover.prepare(chosen.dry_run, settings, chosen.stages, *how, seeds)
        whole = planned.whole
        if further:
            for seed, one in zip((chosen.seed, *further), (planned, *planned.further), strict=True):
                print("\n".join([f"Seed {seed}:", *listing.plan_lines(one)]))
            if whole.jobs:
                print("\n".join(["All seeds:", listing.plan_lines(whole)[0].rstrip(":")]), flush=True)
        else:
            print("\n".join(listing.plan_lines(planned)), flush=True)
        if chosen.dry_run:
            own = [s for s in settings if s.name not in corpora.REGISTRY]
            print("\n".join(line for s in own for line in listing.corpus_lines(s)))
            return 0
        outputs.sweep(paths)
        since = runlock.clock(paths)
        if whole.jobs:  # a run that is killed must not leave an index that leads to pages which are gone
            outputs.write(planned, outputs.record(planned, vars(chosen), began, None))
        try:
            undone = session.execute(whole, since) if whole.jobs else []
            differing = _differing(paths) if chosen.strict and "paper" not in undone else []
            code = 1 if undone or differing else 0
        except BaseException as error:
            undone = session.undone_since(planned, since)
            code = INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
            raise
        finally:
            if whole.jobs or not (paths.index.exists() and paths.crate.exists()):
                outputs.write(planned.after(undone), outputs.record(planned, vars(chosen), began, code))
    for line in listing.skipped_lines(settings):
        print(line)
    if undone:
        print(f"{len(undone)} of {len(whole.jobs)} notebooks are not done: {', '.join(undone)}.")
    for figure in differing:
        print(f"Differs: {figure}.")
    print(f"Read {paths.scorecard_page if differing else paths.index}")
    return code


def _verify(place: Path, cores: int, as_json: bool) -> int:
    from dslite.run.verify import verify  # imports TensorFlow

    report = verify(place, cores)
    print(json.dumps(report.as_json(), indent=1) if as_json else "\n".join(report.lines()))
    return 1 if report.wrong else 0


def _import(chosen: argparse.Namespace, paths: Paths) -> int:
    from dslite.run import importing  # imports TensorFlow

    files = [Path(file).expanduser().resolve() for file in chosen.import_results]
    if gone := [file for file in files if not file.exists()]:  # before a folder is made for it
        raise DsliteError(f"There is no {gone[0]}: check the name.")
    if folders := [file for file in files if file.is_dir()]:
        raise DsliteError(f"{folders[0]} is a folder; a zip that --export-results has written was expected.")
    began, nothing = time.time(), session.Session({}, Plan(paths.output, ()), {}, {}, chosen.cores)
    with runlock.alone(paths):
        outputs.sweep(paths)
        for file in files:
            for line in importing.take(paths, file):
                print(line, flush=True)
            last, now = read_json(paths.run), outputs.record(nothing, vars(chosen), began, 0)
            # Index and crate tell of the last run; of this where none has ended.
            outputs.write(nothing, now if last.get("exit") is None else last)
    print(f"Read {paths.index}; the next run with --stages paper sets tables and scorecard with all that is there.")
    return 0


def _differing(paths: Paths) -> list[str]:
    """What a strict run fails for: a sentence per figure of the scorecard that differs on real data."""
    import pandas as pd

    from dslite.stages.paper.scorecard import strict_failures

    if not paths.scorecard.exists():
        raise DsliteError(f"{paths.scorecard} is gone; delete {paths.across('paper').page('paper')} and run again.")
    return strict_failures(pd.read_csv(paths.scorecard))


def _list(chosen: argparse.Namespace, templates: Path) -> int:
    runlock.refuse_files(Paths.of(chosen.output))
    settings = _settings(chosen, [*corpora.REGISTRY, *chosen.corpora])
    planned = session.prepare(settings, tuple(STAGES), chosen.benchmark, chosen.cores, templates)
    print("Corpora")
    for s in settings:
        print("\n".join(listing.corpus_lines(s)))
    print("\nNotebooks")
    print("\n".join(listing.notebook_lines(planned)))
    return 0


def _settings(chosen: argparse.Namespace, names: list[str]) -> list[Settings]:
    """The settings of some corpora; one whose results would lie where another's are is refused."""
    same = ("data", "weights", "profile", "reading", "backbone", "task", "seed", "output", "changes", "seeds", "hours")
    given = {option: getattr(chosen, option) for option in (*same, "source", "embedder")}
    given |= {"discrepancies": " ".join(chosen.discrepancies), "trials": 40 if chosen.search is None else chosen.search}
    settings = [resolve(name, **given) for name in dict.fromkeys(names)]
    first = {s.name: listing.source(s) for s in reversed(settings)}
    for s in settings:
        if first[s.name] != s.source:
            raise DsliteError(
                f"{first[s.name]} and {s.source} would both be called {s.name}: one's results would replace the "
                "other's. Rename one of them, or give one another --output."
            )
    return list({s.name: s for s in settings}.values())  # one that is named in two ways runs once


def _download(chosen: argparse.Namespace) -> int:
    folder = chosen.data or os.environ.get("DSLITE_DATA", "")
    if not folder:
        raise DsliteError("Where to? Name the folder that is to hold corpora with --data DIR (or DSLITE_DATA).")
    data = Path(folder).expanduser().resolve()
    name, what = chosen.download, corpora.DOWNLOADS[chosen.download]
    accept, there = chosen.accept_licence, corpora.locate(name, data)
    if not there:
        print(f"{what} is handed out under this licence: {corpora.REGISTRY[name].licence}")
    if not there and not accept and sys.stdin.isatty():
        accept = input("Do you accept it? [y/N] ").strip().lower() in ("y", "yes")
    place = there or corpora.download_ravdess(data, name, accept=accept, progress=_downloaded)
    print(f"{what} is in {place}. Now run: python run_all.py --corpora {name} --data {folder}")
    return 0


def _downloaded(done: int, size: int) -> None:
    if sys.stdout.isatty():
        print(f"\r{done / 1e6:.0f} of {size / 1e6:.0f} MB", end="" if done < size else "\n", flush=True)


def _log(paths: Paths) -> None:
    """The traceback of what is being handled, for those who look for it."""
    with suppress(OSError):  # where nothing can be written, the message has said so
        paths.logs.mkdir(parents=True, exist_ok=True)
        with paths.engine_log.open("a", encoding="utf-8") as log:
            log.write(traceback.format_exc())
