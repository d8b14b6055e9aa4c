"""Notebooks as jobs of a cluster: options without one, and toy notebooks through SLURM where there is one."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry
from snakemake_interface_logger_plugins.common import LogEvent

from dslite.errors import DsliteError
from dslite.layout.paths import SNAKEFILE, Paths
from dslite.run import cluster, engine, estimates, leftover, outcome, submitted
from dslite.run.cluster import Cluster
from dslite.run.options import parse
from dslite.run.outcome import Outcome
from dslite.run.plan import Job, Plan
from dslite.run.session import Session
from tests import whole
from tests.toys import alive, command, wait_for, write_templates

PLUGIN = ExecutorPluginRegistry().is_installed("slurm")
needs_plugin = pytest.mark.skipif(not PLUGIN, reason="snakemake-executor-plugin-slurm is not installed")


def _why_no_slurm() -> str:
    if not PLUGIN:
        return "snakemake-executor-plugin-slurm is not installed"
    if not shutil.which("sbatch"):
        return "there is no sbatch on the path"
    nodes = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True).stdout.split()
    return "" if {"idle", "mixed", "allocated"} & set(nodes) else "no node of SLURM answers"


needs_slurm = pytest.mark.skipif(bool(_why_no_slurm()), reason=_why_no_slurm() or "there is one")


@pytest.fixture
def sbatch(tmp_path, monkeypatch):
    """A program of that name on the path."""
    (tmp_path / "sbatch").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


@needs_plugin
def test_options_are_of_the_jobs_or_of_the_plugin(sbatch, tmp_path):
    told = "partition=main account=x jobs=7 mem_mb=9000 slurm_extra='--exclusive -x a' status_command=squeue"
    known = cluster.chosen("slurm", f"{told} requeue=yes helpers=0")
    assert (known.jobs, known.helpers) == (7, 0)
    extra = {"slurm_extra": "--exclusive -x a"}
    assert known.resources == {"slurm_partition": "main", "slurm_account": "x", "mem_mb": 9000} | extra
    settings = known.plugin_settings(Paths(tmp_path))
    assert settings.status_command == "squeue" and settings.requeue is True and settings.no_requeue is False
    assert settings.init_seconds_before_status_checks == 10, "ours, where nothing is said"
    assert settings.logdir == Paths(tmp_path).cluster_logs
    other = cluster.chosen("slurm", "requeue=no init_seconds_before_status_checks=40")
    settings = other.plugin_settings(Paths(tmp_path / "other"))
    assert settings.requeue is False and settings.init_seconds_before_status_checks == 40
    assert cluster.chosen("slurm", "status_command=no").settings["status_command"] == "no", "a word, and no answer"
    assert settings.jobname_prefix != cluster.run_name(Paths(tmp_path)), "a name per output folder"


@needs_plugin
@pytest.mark.parametrize(
    "told, said",
    [
        ("main", "name=value, with spaces between them; 'main' is not"),
        ("slurm_extra='--exclusive", "a quotation mark that opens a value must end it"),
        ("partition=", "'partition=' is not"),
        ("jobs=0", "jobs=0 is not a number of at least 1"),
        ("jobs=many", "jobs=many is not a number"),
        ("helpers=-1", "helpers=-1 is not a number of at least 0"),
        ("patition=main", "there is no patition; did you mean partition"),
        ("mem=4GB", "there is no mem; did you mean mem_mb"),
        ("gpu=1", "there is no gpu; did you mean --gpus N"),
        ("jobname_prefix=x", "there is no jobname_prefix"),
        ("requeue=maybe", "requeue=maybe: yes or no was expected"),
    ],
)
def test_options_that_are_none(sbatch, told, said):
    with pytest.raises(DsliteError, match=said):
        cluster.chosen("slurm", told)


@needs_plugin
def test_every_resource_that_the_plugin_reads_is_known():
    read = set()
    for name in ("snakemake_executor_plugin_slurm", "snakemake_executor_plugin_slurm_jobstep"):
        for file in Path(import_module(name).__file__).parent.glob("*.py"):
            text = file.read_text("utf-8")
            read |= {
                *re.findall(r'\bresources\.get\(\s*"(\w+)"', text),
                *re.findall(r"\bresources\.([a-z]\w+)\b(?!\()", text),
            }
    assert "constraint" in read and "slurm_extra" in read
    assert read - {*cluster._KNOWN.split()} == {"gpu", "threads"}, "which are each notebook's own"


@needs_plugin
def test_jobs_are_kept_while_slurm_is_silent_and_over_once_it_has_forgotten_them(monkeypatch):
    """Without, the plug-in forgets them, and a run waits for ever."""
    plugin = import_module("snakemake_executor_plugin_slurm")
    six = ({"6": "RUNNING"}, 1.0)
    answers = iter([({"5": "RUNNING", "6": "PENDING"}, 1.0), (None, None), six, ({}, 1.0), six, ({}, 1.0)])

    async def answer(*_):
        return next(answers)

    monkeypatch.setattr(plugin, "query_job_status", answer)
    for _ in range(2):  # the second time for what gathers
        cluster._hear_every_end()
    looks = [asyncio.run(plugin.query_job_status(f"{name} -n", None))[0] for name in ("squeue",) * 5 + ("sacct",)]
    assert looks[1:4] == [{}, {"6": "RUNNING"}, {}], "an answer may lack some of them"
    assert looks[4:] == [{"5": "UNKNOWN", "6": "RUNNING"}, {}], "and sacct may not have heard of them yet"


@needs_plugin
def test_jobs_that_were_cancelled_or_gave_way_are_over_by_sacct(monkeypatch):
    plugin = import_module("snakemake_executor_plugin_slurm")
    given_way = {"6": "PREEMPTED", "7": "PREEMPTED"}
    answers = iter([{"5": "CANCELLED by 1000", **given_way}, given_way, {"7": "PREEMPTED", "6": "PENDING"}])

    async def answer(*_):
        return next(answers), 1.0

    monkeypatch.setattr(plugin, "query_job_status", answer)
    cluster._hear_every_end()
    looks = [asyncio.run(plugin.query_job_status("sacct -n", None))[0] for _ in range(3)]
    assert looks == [{"5": "CANCELLED"}, {}, {"6": "PENDING", "7": "CANCELLED"}], "6 was put back into the queue"


def test_what_is_missing_is_said_with_what_to_install(monkeypatch):
    with pytest.raises(DsliteError, match="lsf is not installed: python -m pip install snakemake-executor-plugin-lsf"):
        cluster.chosen("lsf", "")
    monkeypatch.setenv("PATH", "")
    lacks = "no sbatch on the path.*slurm-client" if PLUGIN else "pip install -r requirements-cluster.lock"
    with pytest.raises(DsliteError, match=lacks):
        cluster.chosen("slurm", "")


def test_command_line(capsys):
    known = parse(["--cluster", "slurm", "--cluster-options", "partition=gpu account=x"])
    assert (known.executor, known.cluster_options) == ("slurm", "partition=gpu account=x")
    assert parse(["--executor", "lsf"]).executor == "lsf"
    assert parse([]).executor == ""
    with pytest.raises(SystemExit):
        parse(["--cluster-options", "partition=main"])
    assert "--cluster-options are for --cluster or --executor" in capsys.readouterr().err


def job(stage: str, **more) -> Job:
    return Job("css", stage, "", "", {}, {}, {}, {}, **more)


def test_what_a_job_asks_for():
    fits = estimates.resources(job("train", threads=2), 3_600.0)
    assert fits == {"memory": 10_000, "minutes": 180, "gpus": 1, "here": False}
    scored = {"memory": 3_000, "minutes": 15, "gpus": 0, "here": True}
    assert estimates.resources(job("evaluate"), 4.0) == scored
    assert estimates.resources(job("evaluate"), 60.0) == scored | {"here": False}, "a minute is worth a job"
    assert not estimates.resources(job("train"), 4.0)["here"], "fits may need a GPU"
    assert not estimates.resources(job("benchmark"), 4.0)["here"], "who is timed needs cores to itself"
    assert Cluster("slurm").asked(fits) == fits | {"gpus": 0}, "nobody has asked for one"
    asked = {"memory": 500, "minutes": 7, "gpus": 2, "here": False}
    assert Cluster("slurm", resources={"mem_mb": 500, "runtime": 7}, gpus=2).asked(fits) == asked
    assert [job("train", memory=4).mem_mb(None, attempt) for attempt in (1, 2, 3)] == [4, 8, 8]


def test_jobs_share_fits_that_are_worth_it():
    assert [Cluster("slurm").shares(seconds) for seconds in (30, 599, 600, 1_500, 9e5)] == [0, 0, 2, 5, 8]
    assert [Cluster("slurm", helpers=most).shares(30) for most in (0, 2)] == [0, 2]


@pytest.mark.parametrize(
    "helpers, left, cancelled",
    [(2, "css-train (5), css-train-1 (7), css-train-2 (8)", ["9"]), (3, "css-train (5)", ["7", "8", "9"])],
)
def test_what_is_left_of_a_notebook_is_waited_for(tmp_path, monkeypatch, capsys, helpers, left, cancelled):
    """Not helpers that would make another share of the fits now."""
    paths, before = Paths(tmp_path), Plan(tmp_path, (job("train", helpers=2),))
    before.write(paths.plan)
    again = before.only([job("train", helpers=helpers)])
    planned = Session({}, again, {"css-train": None}, {"css-train": 60.0}, 1, Cluster("slurm"))
    first = {"css-train": ["5"], "css-train-1": ["7"], "css-train-2": ["8"], "ess-train-1": ["9"]}
    looks = iter([first, {"css-train-2": ["8"]}, None, {}])

    def look(_):
        if (there := next(looks)) is None:
            raise DsliteError("SLURM does not answer")
        return there

    Outcome("done").write(paths.outcome("css-train"))
    monkeypatch.setattr(submitted, "left", look)
    monkeypatch.setattr(submitted, "_queue", lambda _: [])  # a SLURM of this machine's may be silent
    monkeypatch.setattr(leftover, "_POLL", 0.0)
    told: list[str] = []
    monkeypatch.setattr(submitted, "cancel", told.extend)
    assert leftover.settle(planned) and told == cancelled
    assert capsys.readouterr().out.partition("not submitted again: ")[2].partition("\n")[0] == left
    assert not paths.outcome("css-train-1").exists(), "a helper has no note of its own"


@pytest.mark.parametrize(
    "state, error, said, memory, sentence",
    [
        ("running", "", "SLURM status is: 'OUT_OF_MEMORY'.", True, "Memory ran out; give it more"),
        ("running", "", "SLURM status is: 'TIMEOUT'. Reason", False, "Its time was over; give it"),
        ("running", "", "sbatch failed. The error message was 'no account'.\n call", False, "submitted: no account"),
        ("running", "", "Job submission failed with exception: a bad option.", False, "submitted: a bad option"),
        ("running", "", "failed array qsub submission; see log.For further error details", False, "see log (artifacts"),
        ("running", "", "SGE qsub failed: no such queue\n  Command: qsub", False, "submitted: no such queue ("),
        ("running", "", "Error submitting job (DRMAA error 17)", False, "submitted: Error submitting job (DRMAA"),
        ("running", "", "SGE job '5.1' failed. Logs: ['/my/submission']", True, "The cluster says: SGE job '5.1'"),
        ("running", "", "'NODE_FAIL'; excluded from future job submissions", False, "Its node failed"),
        ("running", "", "", True, "killed from outside"),
        ("failed", f"The kernel was killed. {outcome.MEMORY}", "status is: 'FAILED'", True, "The kernel was killed"),
        ("failed", "no such label", "status is: 'FAILED'", False, "no such label"),
    ],
)
def test_how_a_job_ended(tmp_path, state, error, said, memory, sentence):
    paths = Paths(tmp_path)
    Outcome(state, error=error).write(paths.outcome("css-train"))
    assert submitted.failed(job("train"), said, paths) is memory
    last = outcome.read(paths.outcome("css-train"))
    assert last.state == "failed" and sentence in last.error


def test_why_jobs_that_share_fits_do_not_run_is_said_of_their_notebook(tmp_path):
    plan, started = Plan(tmp_path, (job("train", helpers=2),)), []
    listener = engine._Listener(plan, started.append, started.append)
    listener.again, listener.rules = started.append, lambda: {5: "css-train-2"}
    said = {"rule_msg": "sbatch failed. The error message was 'no account'.", "jobid": 5}
    for event in (LogEvent.JOB_STARTED, LogEvent.JOB_ERROR):
        listener.emit(SimpleNamespace(event=event, jobs=[5], **said))
    assert started == ["css-train"], "the notebook has begun with them, and not ended"
    assert "could not be submitted: no account" in outcome.read(plan.paths.outcome("css-train")).error


def test_a_second_try_that_is_refused_says_why_there_was_one(tmp_path):
    plan, ended = Plan(tmp_path, (job("train"),)), []
    listener = engine._Listener(plan, ended.append, ended.append)
    listener.again, listener.rules = ended.append, lambda: {5: "css-train"}
    refused = "sbatch failed. The error message was 'Memory specification can not be satisfied'."
    for said in ("status is: 'OUT_OF_MEMORY'", refused):
        for event in (LogEvent.JOB_STARTED, LogEvent.JOB_ERROR):
            listener.emit(SimpleNamespace(event=event, jobs=[5], jobid=5, rule_msg=said))
    error = outcome.read(plan.paths.outcome("css-train")).error
    assert error.startswith("Memory ran out, and with twice as much it could not be submitted: Memory specification")


INTERRUPTED = """import signal, subprocess, threading, time
from snakemake.scheduling.job_scheduler import JobScheduler
from dslite.run import signals
JobScheduler.exit_gracefully = staticmethod(signals.end)  # as the Snakefile does in a job
scheduler = object.__new__(JobScheduler)
scheduler._lock = threading.Lock()
signal.signal(signal.SIGTERM, scheduler.exit_gracefully)
with scheduler._lock:
    print(subprocess.Popen(["sleep", "60"]).pid, flush=True)
    time.sleep(60)"""


def test_a_job_that_is_cancelled_while_it_holds_snakemakes_lock_ends():
    with subprocess.Popen([sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, text=True) as process:
        below = int(process.stdout.readline())
        process.terminate()
        assert process.wait(10) == 143
    wait_for(lambda: not alive(below), 5)


# Through SLURM. -------------------------------------------------------------------------------------------------------

SLOW = """import os, time
Path(output, "seen").open("a").write(f"{os.environ['SLURM_JOB_ID']} ")
while not Path(output, "go").exists():
    time.sleep(0.2)"""
HERE = SLOW.replace("{os.environ['SLURM_JOB_ID']} ", "{os.getpid()}").replace('"a"', '"w"')
SCARCE = """import os, re, signal, subprocess
job = subprocess.run(["scontrol", "show", "job", os.environ["SLURM_JOB_ID"]], capture_output=True, text=True).stdout
Path(output, "asked").open("a").write(re.search("MinMemoryNode=(\\S+)", job)[1] + " ")
if Path(output, "asked").read_text().count(" ") == 1:
    os.kill(os.getpid(), signal.SIGKILL)"""


@pytest.fixture
def run(tmp_path):
    """Starts a run of toy notebooks of CSS on SLURM, up to a stage; ``out`` is its output."""
    templates, out = write_templates(tmp_path / "templates"), tmp_path / "out $HOME `ä"
    out.mkdir()

    def start(stage: str, *options: str, cluster: tuple = ("--cluster", "slurm")) -> subprocess.Popen:
        options = ("--stages", stage, "--output", out, *cluster, *options)
        return command(templates, "--corpora", "css", *options)

    return SimpleNamespace(start=start, out=out, paths=Paths(out))


def said(process: subprocess.Popen) -> str:
    return process.communicate(timeout=600)[0]


def slow(run) -> subprocess.Popen:
    """A run in the middle of a job that takes as long as ``go`` is not there."""
    (run.out / "css-train.py").write_text(SLOW)
    process = run.start("train")
    wait_for((run.out / "seen").exists, 200)
    return process


def test_a_job_that_gets_nothing_of_the_environment_runs(run):
    """As on Grid Engine, which starts jobs like a new login; the command is that of a job."""
    assert "done      css corpus" in said(run.start("corpus", cluster=()))
    page = run.paths.corpus("css").page("corpus")
    page.unlink()
    job = [sys.executable, "-m", "snakemake", "--snakefile", SNAKEFILE, "--config", f"plan={run.paths.plan.name}"]
    job += ["--directory", run.paths.artifacts, "--cores", "1", "--allowed-rules", "css-corpus", "--", "css-corpus"]
    done = subprocess.run(job, env={}, capture_output=True, text=True, check=False)
    assert page.exists(), done.stderr


@needs_slurm
def test_notebooks_are_jobs_of_slurm(run):
    process = run.start("train")
    assert "done      css train" in said(process)
    assert process.returncode == 0
    assert run.paths.corpus("css").page("train").exists()
    assert outcome.read(run.paths.outcome("css-train")).where.startswith("SLURM job ")
    index, printed = run.paths.index.read_text(), run.paths.corpus("css").printed("train")
    assert "SLURM job " in index and 'href="css/train.log.txt"' in index
    assert "SLURM job " in printed.read_text(), "and so it does in what the job printed"
    assert "has been submitted with SLURM jobid" in run.paths.engine_log.read_text()
    assert "started" not in said(run.start("train")), "nothing is to do"
    run.paths.corpus("css").record("corpus").unlink()
    here = run.start("train", "--cores", "1", cluster=())
    assert "done      css train" in said(here)
    assert not printed.exists() and "SLURM job " not in run.paths.index.read_text(), "now it ran on this machine"


@needs_slurm
def test_further_seeds_are_jobs_beside_the_first(run):
    for place in (run.out, run.paths.seed(43)):
        place.mkdir(parents=True, exist_ok=True)
        (place / "css-train.py").write_text(SLOW.replace("Path(output,", f"Path({str(run.out)!r},"))
    process = run.start("evaluate", "--seeds", "2", "--cores", "1")
    wait_for(lambda: {"css-train", "css-train-seed43"} <= submitted.left(run.paths).keys(), 300)
    (run.out / "go").touch()
    told = said(process)
    assert process.returncode == 0, told
    other = Paths(run.paths.seed(43))
    assert "seed = 43" in other.corpus("css").notebook("train").read_text()
    assert outcome.read(other.outcome("css-train")).where.startswith("SLURM job ")
    assert told.count("done  ") == 8


@needs_slurm
def test_a_job_that_fails_is_not_tried_again_and_says_why(run):
    (run.out / "css-train.py").write_text("raise ValueError('upside down')")
    process = run.start("evaluate")
    told = said(process)
    assert process.returncode == 1
    assert "FAILED    css train: ValueError in cell 3: upside down" in told
    assert told.count("started   css train") == 1 and "started   css evaluate" not in told
    assert "Trying to restart" not in run.paths.engine_log.read_text()


@needs_slurm
def test_memory_is_doubled_once_where_it_ran_out(run):
    (run.out / "css-train.py").write_text(SCARCE)
    process = run.start("train", "--cluster-options", "mem_mb=300")
    told = said(process)
    assert process.returncode == 0, told
    assert (run.out / "asked").read_text() == "300M 600M "
    assert "FAILED" not in told and told.count("done  ") == 2


@needs_slurm
def test_a_partition_that_is_none_is_told(run):
    process = run.start("train", "--cluster-options", "partition=nowhere")
    told = said(process)
    assert process.returncode == 1
    assert "FAILED    css train: It could not be submitted: " in told and "invalid partition" in told


@needs_slurm
def test_told_to_stop_it_cancels_what_it_has_submitted(run):
    process = slow(run)
    os.kill(process.pid, signal.SIGINT)
    told = said(process)
    assert process.returncode == 130, told
    assert told.splitlines()[-1] == "Stopped; the same command goes on from here."
    wait_for(lambda: not submitted.left(run.paths))
    wait_for(lambda: not _processes(run.out))


@needs_slurm
def test_told_to_stop_while_slurm_is_silent_it_says_that_jobs_are_left(run, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    for name in ("squeue", "scancel"):
        program = tmp_path / "bin" / name
        program.write_text(f'#!/bin/sh\n[ -e {tmp_path}/silent ] && exit 1\nexec {shutil.which(name)} "$@"')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    process = slow(run)
    (tmp_path / "silent").touch()
    process.send_signal(signal.SIGINT)
    told = said(process)
    (tmp_path / "silent").unlink()
    assert process.returncode == 130, told
    assert "Jobs may be left there, which the same command takes up" in told.splitlines()[-2]
    assert list(submitted.left(run.paths)) == ["css-train"]
    (run.out / "go").touch()
    again = run.start("train")
    assert said(again) and again.returncode == 0
    assert (run.out / "seen").read_text().count(" ") == 1, "one job, once"


@needs_slurm
def test_killed_with_9_and_started_again_it_submits_nothing_twice(run):
    process = slow(run)
    process.kill()
    process.wait()
    assert list(submitted.left(run.paths)) == ["css-train"], "the job goes on"
    again = run.start("train")
    time.sleep(10)
    (run.out / "go").touch()
    told = said(again)
    assert again.returncode == 0, told
    number = (run.out / "seen").read_text()
    assert number.count(" ") == 1, "one job, once"
    assert f"Still on the cluster, and not submitted again: css-train ({number.strip()})" in told
    assert "done      css train" in told
    assert run.paths.engine_log.read_text().count("has been submitted with SLURM jobid") == 1


@needs_slurm
@pytest.mark.skipif(os.getuid() != 0, reason="only root can submit for somebody else")
def test_jobs_of_somebody_else_are_named_and_left_alone(run):
    name, comment = f"{cluster.run_name(run.paths)}-x", "--comment=rule_css-train"
    how = ["--parsable", "--uid=nobody", "--chdir=/tmp", "--output=/dev/null", "--hold", "--wrap=sleep 60"]
    sent = subprocess.run(["sbatch", f"--job-name={name}", comment, *how], capture_output=True, text=True, check=True)
    try:
        told = said(run.start("train"))
        assert f"Jobs of somebody else work on {run.out}: {sent.stdout.strip()} (nobody). Wait for" in told
        assert "started" not in told and submitted.left(run.paths) == {}
    finally:
        submitted.cancel([sent.stdout.strip()])


@needs_slurm
def test_what_is_left_of_another_run_is_cancelled(run):
    process = slow(run)
    process.kill()
    process.wait()
    first = (run.out / "seen").read_text()
    again = run.start("train", "--seed", "7")
    wait_for(lambda: (run.out / "seen").read_text() != first, 200)
    (run.out / "go").touch()
    assert "Still on the cluster" not in said(again)
    assert again.returncode == 0
    assert (run.out / "seen").read_text().count(" ") == 2
    wait_for(lambda: not _processes(run.out))


def _processes(out: Path) -> list[int]:
    """Those that are at work in an output, on the one node of this machine."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            found += [process.pid] if process.cwd().startswith(str(out)) else []
    return found


@needs_slurm
@pytest.mark.parametrize("how", [(signal.SIGINT,), (signal.SIGINT, signal.SIGTERM), (signal.SIGKILL,)])
def test_what_is_worth_no_job_runs_here_and_ends_with_the_run(run, how):
    (run.out / "css-corpus.py").write_text(HERE)
    process = run.start("corpus")
    kernel = int(wait_for(lambda: (run.out / "seen").exists() and (run.out / "seen").read_text(), 60))
    assert not submitted.left(run.paths)
    for number in how:
        process.send_signal(number)
    assert process.wait(60) == (-signal.SIGKILL if signal.SIGKILL in how else 130)
    wait_for(lambda: not alive(kernel), 5)
    (run.out / "go").touch()
    again = run.start("corpus")
    assert "done      css corpus" in said(again)
    assert again.returncode == 0
    assert "has been submitted" not in run.paths.engine_log.read_text()


@needs_slurm
def test_fits_that_jobs_share_give_what_one_machine_gives(tmp_path):
    root, said = whole.copied(tmp_path / "package"), ""
    for name, how in {
        "here": ("--cores", 2),
        "there": ("--cluster", "slurm", "--cluster-options", "helpers=2"),
    }.items():
        options = ("--corpora", "css", "ess", *whole.UNTRAINED, "--stages", "evaluate", *how)
        done = whole.run(root, tmp_path / name, *options)
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
    here, there = Paths(tmp_path / "here"), Paths(tmp_path / "there")
    # Histories hold times.
    tables = [file for file in here.output.rglob("*.parquet") if file.name != "history.parquet"] + [here.results]
    assert sum(file.name == "predictions.parquet" for file in tables) > 2 * 8
    others = {file: there.output / file.relative_to(here.output) for file in tables}
    assert not [file for file, other in others.items() if file.read_bytes() != other.read_bytes()]
    jobs = there.engine_log.read_text().count("has been submitted with SLURM jobid")
    assert jobs == 2 * (1 + 2 + 1), "train, its helpers and baseline"
    assert not there.corpus("css").features.exists(), "the notebook found all fits finished"
    assert there.corpus("css").printed("train").read_text().count("SLURM job ") == 3, "helpers' too"
    assert said.count("started   css train") == 1, "jobs that share its fits are no notebooks"
