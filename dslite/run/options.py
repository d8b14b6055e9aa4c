"""The options of ``run_all.py``."""

import argparse
import os
import sys

from dslite import changes
from dslite.backbones import names
from dslite.corpora import CORPORA, DOWNLOADS, FORM, REGISTRY
from dslite.corpora.own_labels import FEW
from dslite.errors import DsliteError
from dslite.layout.settings import LAST_SEED, RANDOM
from dslite.profiles import FULL_BACKBONE, PROFILES, TUNED_PARTS
from dslite.readings import READINGS
from dslite.stages.catalogue import DEFAULT, STAGES
from dslite.tasks import TASKS

_DESCRIPTION = """\
Regenerates the paper: from audio to tables, explanations and a model for a phone, for all eight corpora. Every corpus
gets a notebook and a web page per stage (corpus, train, baseline, evaluate, explain, deploy); across corpora, benchmark
measures Table 5 and paper sets all tables; reports/index.html leads to them.
A corpus that is not there is replaced by a small SYNTHETIC one, and everything made from it says so.
Run it again at any time: only what changed runs again, and what was cut short goes on."""

_EXAMPLES = """\
examples:
  python run_all.py                                      everything, with what is there
  python run_all.py --list                               which corpora and notebooks there are, and their state
  python run_all.py --dry-run                            what would run, why, and how long it would take
  python run_all.py --data ~/corpora                     with real corpora, in ~/corpora/ravdess, ~/corpora/css, ...
  python run_all.py --corpora ravdess --profile demo     one corpus, short schedule
  python run_all.py --corpora my/own.csv                 your own audio: filename,label[,speaker][,partition]
  python run_all.py --download ravdess                   fetch the one corpus that is free, after showing its licence
  python run_all.py --stages ablation --corpora ravdess  which discrepancies between paper and code matter
  python run_all.py --corpora my/own.csv --search trials=40 --hours 3
                                                         the best hyperparameters for it, chosen on dev
  python run_all.py --corpora my/own.csv --stages graph --source ravdess_speech
                                                         does what a model of other speech hears help small networks?
  python run_all.py --data ~/corpora --strict            fail if what is printed does not come out on real data
  python run_all.py --output elsewhere --seed 7          a second run beside the first
  python run_all.py --corpora css --set units=256        other values than the paper's; --set help lists them all
  python run_all.py --verify elsewhere                   does this output say what its predictions say?
  python run_all.py --import-results theirs.zip          results that somebody else has computed and exported
  python run_all.py --cluster slurm --cluster-options 'partition=main account=x'
                                                         every notebook as a job of SLURM
  python run_all.py --bundle                             reports/ as one zip, to send to somebody"""

_PLACE = ("output", "set", "standin_size")  # they say which folder is meant, or which of its changed_runs/
_STOPPING = {
    "download": ("data", "accept_licence"),
    "verify": ("json", "output", "cores"),
    "export_results": ("with_recordings", "corpora", "task", *_PLACE),
    "import_results": ("cores", *_PLACE),
    "bundle": _PLACE,
    "showcase": _PLACE,
}
"""Options that do one thing and stop -> the options that mean something beside them."""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options, checked as far as argparse does it; exits with a message and 2 where they are wrong."""
    parser = argparse.ArgumentParser(
        prog="run_all.py",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    stages = tuple(STAGES)
    optional = ", ".join(stage for stage in stages if stage not in DEFAULT)
    others = "".join(f", {name} ({info.title})" for name, info in REGISTRY.items() if name not in CORPORA)
    what = parser.add_argument_group("what to run")
    what.add_argument(
        "--corpora",
        nargs="+",
        metavar="NAME",
        default=list(CORPORA),
        help=f"any of {', '.join(CORPORA)}{others}, or the path of {FORM} (default: the paper's eight)",
    )
    what.add_argument(
        "--stages",
        nargs="+",
        metavar="NAME",
        choices=stages,
        help=f"any of {', '.join(stages)} (default: all but {optional}, and with own data alone but benchmark); what "
        "they need is run as well if it is missing or stale",
    )
    what.add_argument(
        "--profile",
        choices=("auto", *PROFILES),
        default="auto",
        help="full: the paper's Table 2; demo: a short schedule and a small base model, for minutes; tuned: a recipe "
        "of our own with the small base model; auto (default): full for a corpus of the paper that is found, tuned for "
        "other audio, demo for stand-ins",
    )
    what.add_argument(
        "--reading",
        choices=tuple(READINGS),
        default="paper",
        help="where text and released code differ: paper: the text (default); released: the code with its shipped "
        "configuration; sound: our best judgement; give a second reading another --output",
    )
    what.add_argument(
        "--backbone",
        metavar="NAME",
        default="",
        help=f"base model, one of {', '.join(names())} (default: the profile's own)",
    )
    what.add_argument(
        "--task",
        choices=("auto", *TASKS),
        default="auto",
        help="regression: labels are numbers (own data, and sleep with its 1 to 9); auto (default): regression where "
        f"all labels of an own CSV are numbers, some with a fraction or of more than {FEW} kinds",
    )
    what.add_argument(
        "--benchmark",
        metavar="NAME",
        choices=names(),
        default=FULL_BACKBONE,
        help=f"base model that Table 5 is measured on (default: {FULL_BACKBONE}, as in the paper)",
    )
    what.add_argument("--seed", type=int, default=42, metavar="N", help="of everything random (default: 42)")
    what.add_argument(
        "--seeds",
        type=_count,
        default=1,
        metavar="N",
        help="fit with N seeds, from --seed on, the ablation and the folds too; what they spread is shown apart from "
        "the test sets' intervals (default: 1)",
    )
    what.add_argument(
        "--set",
        action="append",
        metavar="NAME=VALUE",
        default=[],
        help="change a value of Table 2, the front end, the augmentations or the evaluation, e.g. --set units=256 "
        "--set epochs=10,4; results go to a folder of their own, changed_runs/<what was changed>; --set help lists all",
    )
    ablation = parser.add_argument_group("of the stage ablation")
    ablation.add_argument(
        "--discrepancies",
        nargs="+",
        metavar="ID",
        default=[],
        help="only these entries of reports/discrepancies.html, e.g. F-02 F-16 (default: all that are switches), or "
        "colours: the paper's other colour maps and grey; with "
        f"--profile tuned, which parts of its recipe go back to Table 2, one at a time: {', '.join(TUNED_PARTS)}",
    )
    search = parser.add_argument_group("of the stage search")
    search.add_argument(
        "--search",
        type=_trials,
        metavar="trials=N|grid",
        help="run the stage search: N hyperparameters are tried, each by a fit on train that is judged on dev, and the "
        "best is scored on test; with a larger N the same search goes on (40 where --stages alone names it). grid in "
        "place of trials=N: all combinations of the authors' own values, thousands, in random order; give it --hours",
    )
    search.add_argument(
        "--hours",
        type=float,
        metavar="H",
        default=0.0,
        help="stop the search after so long; the same command goes on with it (default: no limit)",
    )
    graph = parser.add_argument_group("of the stage graph")
    graph.add_argument(
        "--source",
        metavar="NAME",
        default="",
        help="the corpus, named as with --corpora, whose model says which files are neighbours; what is lacking of it "
        "is run before, with the same profile and base model",
    )
    graph.add_argument(
        "--embedder",
        metavar="FOLDER|NAME",
        default="",
        help="folder or hub's name of a wav2vec 2.0, fine-tuned on the source to be that model (it takes torch and "
        "transformers)",
    )
    where = parser.add_argument_group("where things are")
    where.add_argument(
        "--data",
        metavar="DIR",
        default="",
        help="folder with a folder per corpus, named as above (default: $DSLITE_DATA)",
    )
    weights = where.add_mutually_exclusive_group()
    weights.add_argument(
        "--weights",
        metavar="DIR",
        default="",
        help="folder with ImageNet weights as Keras names them (default: $DSLITE_WEIGHTS, then Keras' own)",
    )
    weights.add_argument(
        "--random-weights",
        dest="weights",
        action="store_const",
        const=RANDOM,
        help="start from random weights (--set epochs=0,200 --set share=1 train all layers from scratch); every page "
        "says so, and no figure says anything about the paper's models",
    )
    where.add_argument(
        "--output", metavar="DIR", default="", help="folder for reports/ and artifacts/ (default: this repository)"
    )
    how = parser.add_argument_group("how")
    how.add_argument(
        "--cores",
        type=_count,
        metavar="N",
        default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        help="notebooks and fits that run side by side, one thread each; on a cluster, of one job (default: all cores)",
    )
    how.add_argument(
        "--gpus",
        type=_count,
        metavar="N",
        default=0,
        help="GPUs for what fits or asks a base model, one fit on each at a time; on a cluster, of one job (default: "
        "none in particular, and fits share what TensorFlow finds)",
    )
    how.add_argument(
        "--strict",
        action="store_true",
        help="fail (exit code 1) if a figure of the scorecard *differs* from the printed one on REAL data, and name "
        "it, whether notebooks had to run or not; the stage paper must be among the stages",
    )
    how.add_argument(
        "--standin-size",
        choices=("small", "real"),
        default="small",
        help="real: SYNTHETIC stand-ins have as many files and speakers as the corpora, to see what these would cost",
    )
    how.add_argument("--list", action="store_true", help="show corpora and notebooks with their state, and stop")
    how.add_argument("--dry-run", action="store_true", help="show the plan, and stop")
    how.add_argument("--bundle", action="store_true", help="zip reports/ as they are into dslite-reports.zip, and stop")
    said = "copy the pages, without sounds and with 8 MB at most, to a folder that may be published, and stop"
    how.add_argument("--showcase", metavar="DIR", help=said)
    afar = parser.add_argument_group("on a cluster (see docs/run.md)")
    one = afar.add_mutually_exclusive_group()
    one.add_argument(
        "--cluster",
        dest="executor",
        choices=("slurm",),
        default="",
        help="submit every notebook as a job, from here; repository, data and output must lie where all nodes see them",
    )
    one.add_argument(
        "--executor", metavar="NAME", help="the same by any of Snakemake's executor plug-ins that is installed"
    )
    afar.add_argument(
        "--cluster-options",
        metavar="'NAME=VALUE ...'",
        default="",
        help="of the jobs and of the plug-in, e.g. 'partition=main account=x jobs=20': jobs (how many at a time, "
        "default 100), mem_mb and runtime (minutes) in place of what is estimated, a setting of the plug-in without "
        "its prefix, or any other resource that it knows",
    )
    checked = parser.add_argument_group("whether what was handed over is what was computed")
    checked.add_argument(
        "--verify",
        metavar="FOLDER|ZIP",
        help="compute again every score, interval, test and confusion matrix from the prediction tables of an output "
        "folder (or a zip of one), draw every page again, and compare; nothing in it is executed or changed, no model "
        "is loaded. Exit code 1 if something differs: file, place, what it says, what comes out. What cannot be "
        "checked is listed with the reason; of a zip of --bundle only that pages are as their notebooks",
    )
    checked.add_argument("--json", action="store_true", help="print what --verify found as JSON")
    handed = parser.add_argument_group("work done elsewhere (see docs/run.md)")
    handed.add_argument(
        "--export-results",
        metavar="FILE.zip",
        help="pack records, tables, predictions and .tflite files of the corpora that are finished (or of --corpora), "
        "with no audio and nothing that it could be rebuilt from, and stop",
    )
    handed.add_argument(
        "--with-recordings",
        action="store_true",
        help="with --export-results: spectrograms and explanations with their sounds as well, where the licence of a "
        "corpus allows it",
    )
    handed.add_argument(
        "--import-results",
        nargs="+",
        metavar="FILE.zip",
        default=[],
        help="check what --export-results has packed (hashes, versions, all that --verify does) and take it into the "
        "output, where every page says that it was computed elsewhere, and stop",
    )
    more = parser.add_argument_group("data that may be fetched")
    more.add_argument("--download", choices=tuple(DOWNLOADS), help="fetch a corpus into the data folder, and stop")
    more.add_argument("--accept-licence", action="store_true", help="accept its licence without being asked")
    chosen = parser.parse_args(arguments)
    if "help" in chosen.set:
        print("\n".join(changes.listed()))
        sys.exit()
    _refuse_what_means_nothing(parser, chosen)
    if chosen.cluster_options and not chosen.executor:
        parser.error("--cluster-options are for --cluster or --executor")
    if chosen.seeds > 1 and (last := chosen.seed + chosen.seeds - 1) > LAST_SEED:
        given = f"--seed {chosen.seed} --seeds {chosen.seeds}"
        parser.error(f"{given}: the last seed would be {last}; seeds go up to {LAST_SEED}")
    try:
        grown = ["standin_size=real"] * (chosen.standin_size == "real")
        chosen.changes = dict(changes.checked(changes.parsed([*chosen.set, *grown])))
    except DsliteError as error:
        parser.error(str(error))
    papers = any(name in CORPORA for name in chosen.corpora)  # Table 5 is the paper's, and of no corpus
    chosen.stages = chosen.stages or [s for s in DEFAULT if papers or STAGES[s].needs or not STAGES[s].across]
    apart = ("graph" in chosen.stages) != bool(chosen.source) or (chosen.embedder and not chosen.source)
    if apart and not chosen.list:
        parser.error("--stages graph and --source NAME, a corpus such as ravdess_speech, go together (and --embedder)")
    chosen.stages += ["search"] * (chosen.search is not None and "search" not in chosen.stages)
    if chosen.hours and "search" not in chosen.stages:
        parser.error(f"--hours {chosen.hours:g} is for the stage search alone: add --search trials=N, or leave it out")
    return chosen


def _refuse_what_means_nothing(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    """Exits where an option would be passed over in silence, or is given without its value."""
    given = [name for name, value in vars(chosen).items() if value is not parser.get_default(name)]
    for name in (name for name in _STOPPING if name in given):
        if getattr(chosen, name) in ("", [""]):
            parser.error(f"{_flag(name)} is given an empty name; a file or folder was expected")
        if beside := [_flag(other) for other in given if other not in (name, *_STOPPING[name])]:
            parser.error(f"{_flag(name)} does one thing and stops: leave {', '.join(beside)} out, or {_flag(name)}")
    for name, whose in (("with_recordings", "export_results"), ("json", "verify"), ("accept_licence", "download")):
        if name in given and whose not in given:
            parser.error(f"{_flag(name)} is for {_flag(whose)}")


def _flag(name: str) -> str:
    several = {"executor": "--cluster or --executor", "weights": "--weights or --random-weights"}
    return several.get(name, f"--{name.replace('_', '-')}")


def _trials(text: str) -> int:
    """How many; 0 stands for the grid."""
    return 0 if text == "grid" else _count(text.removeprefix("trials="), "trials=N or grid was expected")


def _count(text: str, expected: str = "a whole number from 1 on was expected") -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: {expected}") from None
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number
