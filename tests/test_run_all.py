"""The command, as somebody types it, on toy notebooks in throw-away folders."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from dslite.corpora import CORPORA
from dslite.layout.paths import Paths
from dslite.run.cli import main
from dslite.stages.catalogue import OF_CORPUS
from tests.toys import alive, command, wait_for, write_templates

ROOT = Path(__file__).resolve().parents[1]
SLOW = """import os, subprocess, time
child = subprocess.Popen(["sleep", "300"])
Path(output, "pids").write_text(f"{os.getpid()} {os.getppid()} {child.pid}")
time.sleep(300)"""


@pytest.fixture
def toys(tmp_path) -> tuple[Path, Path]:
    """Templates and an output folder."""
    (tmp_path / "out").mkdir()
    return write_templates(tmp_path / "templates"), tmp_path / "out"


def run(templates: Path, *options) -> tuple[int, str]:
    process = command(templates, *options)
    said, _ = process.communicate(timeout=600)
    return process.returncode, said


def start_slow(templates: Path, out: Path) -> tuple[subprocess.Popen, list[int]]:
    """A run in the middle of a notebook that takes minutes; the ids of kernel, runner and the kernel's child."""
    (out / "css-corpus.py").write_text(SLOW)
    process = command(templates, "--corpora", "css", "--stages", "corpus", "--output", out)
    wait_for(lambda: (out / "pids").exists() and (out / "pids").read_text().count(" ") == 2)
    return process, [int(pid) for pid in (out / "pids").read_text().split()]


def test_killed_and_run_again(toys):
    templates, out = toys
    crate = Paths(out).crate
    crate.parent.mkdir()
    crate.touch()
    process, pids = start_slow(templates, out)
    code, said = run(templates, "--corpora", "css", "--stages", "corpus", "--output", out)
    assert code == 1
    assert f"Another run (process {process.pid}) is at work in {out}" in said
    assert all(alive(pid) for pid in pids), "the second run left the first alone"

    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: not any(alive(pid) for pid in pids), seconds=10)
    assert not Paths(out).corpus("css").page("corpus").exists()
    assert not crate.exists(), "it would speak of what was there before"

    (out / "css-corpus.py").unlink()
    code, said = run(templates, "--corpora", "css", "--stages", "corpus", "--output", out)
    assert code == 0, said
    assert "was cut short" in said
    assert Paths(out).corpus("css").page("corpus").exists() and crate.exists()
    assert not list(out.rglob(".*.part*"))


@pytest.mark.parametrize(
    "how",
    [
        (signal.SIGINT,),
        (signal.SIGTERM,),
        (signal.SIGTERM, signal.SIGHUP),  # as a login session that ends sends them: threads other than main take both
        (signal.SIGINT, signal.SIGTERM, signal.SIGINT),
    ],
)
def test_told_to_stop(toys, how):
    templates, out = toys
    process, pids = start_slow(templates, out)
    for number in how:
        process.send_signal(number)
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 130, said
    assert said.splitlines()[-1] == "Stopped; the same command goes on from here."
    assert "Traceback" not in said and "FAILED" not in said
    assert not any(alive(pid) for pid in pids)
    assert json.loads((out / "artifacts" / "run.json").read_text())["exit"] == 130


def test_a_terminal_that_is_closed_ends_all(toys):
    templates, out = toys
    (out / "css-corpus.py").write_text(SLOW)
    ours, theirs = pty.openpty()
    process = command(templates, "--corpora", "css", "--stages", "corpus", "--output", out, terminal=theirs)
    os.close(theirs)

    def begun() -> bool:
        if select.select([ours], [], [], 0.1)[0]:
            os.read(ours, 4096)
        return (out / "pids").exists() and (out / "pids").read_text().count(" ") == 2

    wait_for(begun)
    pids = [int(pid) for pid in (out / "pids").read_text().split()]
    os.close(ours)
    assert process.wait(timeout=10) == 130
    wait_for(lambda: not any(alive(pid) for pid in pids), seconds=5)
    assert json.loads((out / "artifacts" / "run.json").read_text())["exit"] == 130
    assert not Paths(out).corpus("css").page("corpus").exists()


def test_a_record_that_is_damaged_is_named_and_made_again_once_it_is_gone(toys):
    templates, out = toys
    what = ("--corpora", "css", "--stages", "corpus", "--output", out)
    assert command(templates, *what).wait(60) == 0
    record = Paths(out).corpus("css").record("corpus")
    record.write_bytes(b"")
    process = command(templates, *what)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and f"{record} is damaged or was changed by hand" in said, said
    assert "Traceback" not in said
    record.unlink()
    again = command(templates, *what)
    assert "done      css corpus" in again.communicate(timeout=60)[0]


@pytest.mark.parametrize(("options", "code"), [(["--list"], 0), (["--stages", "corpus"], 1)])
def test_only_a_list_may_be_cut_short_by_its_reader(toys, options, code):
    templates, out = toys
    process = command(templates, "--corpora", "css", *options, "--output", out)
    process.stdout.close()
    assert process.wait(timeout=60) == code
    assert not Paths(out).corpus("css").page("corpus").exists()


@pytest.mark.parametrize(("first", "deaf"), [(["nohup"], True), ([], False)])
def test_a_run_that_nohup_started_does_not_hear_its_terminal_close(first, deaf):
    code = "import signal; from dslite.run import signals; signals.take(); print(signal.getsignal(signal.SIGHUP) == 1)"
    default = partial(signal.signal, signal.SIGHUP, signal.SIG_DFL)
    command = [*first, sys.executable, "-c", code]
    said = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=default)
    assert said.stdout.strip() == str(deaf)


def test_a_file_server_whose_clock_is_behind(toys, monkeypatch):
    templates, out = toys
    ahead = "import time\ntold = time.time\ntime.time = lambda: told() + 3600\n"  # files keep the other time
    (templates / "sitecustomize.py").write_text(ahead)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(templates), os.environ.get("PYTHONPATH", "")]))
    code, said = run(templates, "--corpora", "css", "--stages", "corpus", "--output", out)
    assert code == 0 and "not done" not in said, said


def test_a_failing_notebook_among_others(toys):
    templates, out = toys
    (out / "ess-corpus.py").write_text("raise ValueError('the <labels> are upside down')")
    options = ("--corpora", "ess", "css", "--stages", "corpus", "paper", "--output", out)
    assert "run_all.py` first" in run(templates, "--output", out, "--bundle")[1]
    code, said = run(templates, *options)
    assert code == 1
    assert "ess corpus: ValueError in cell 3: the <labels> are upside down" in said
    assert "Traceback" not in said and "snakemake" not in said.lower() and "rule" not in said
    paths = Paths(out)
    assert "Traceback" in (paths.logs / "ess-corpus.log").read_text()
    assert paths.corpus("css").page("evaluate").exists(), "paper needs it, so it ran too"
    assert paths.across("paper").page("paper").exists(), "the notebook across corpora shows what is there"
    assert not paths.corpus("ess").page("corpus").exists()
    index = paths.index.read_text()
    assert 'href="ess/corpus.failed.html"' in index
    named = {name for name, info in CORPORA.items() if f'class="name">{info.short}<' in index}
    assert named == {"css", "ess"}, "what takes part"
    assert run(templates, "--output", out, "--bundle")[0] == 0
    with zipfile.ZipFile(out / "dslite-reports.zip") as bundle:
        assert "dslite-reports/ess/corpus.failed.html" in bundle.namelist()
        assert "dslite-reports/index.html" in bundle.namelist()
    record = json.loads((out / "artifacts" / "run.json").read_text())
    assert record["exit"] == 1
    assert record["versions"]["snakemake"]

    code, said = run(templates, *options, "--dry-run")
    assert code == 0
    assert "failed last time" in said

    (out / "ess-corpus.py").unlink()
    code, said = run(templates, *options)
    assert code == 0, said
    assert "css" not in said.split("notebooks to run")[1].split("started")[0], "what is done stays done"
    assert "failed.html" not in paths.index.read_text()
    code, said = run(templates, *options)
    assert code == 0
    assert "Nothing to do" in said, said
    assert "started" not in said

    code, said = run(templates, "--list", "--output", out)
    assert code == 0
    for name in CORPORA:
        for stage in OF_CORPUS:
            assert any(line.split()[:2] == [name, stage] for line in said.splitlines())
    states = {tuple(line.split()[:2]): line.split(maxsplit=2)[2] for line in said.split("Notebooks\n")[1].splitlines()}
    assert states["css", "corpus"] == "done"
    assert states["sleep", "train"] == "not run"
    assert "ess" in states["all", "paper"] or states["all", "paper"].startswith("stale")


def run_real(*options: str) -> subprocess.CompletedProcess:
    command, silent = [sys.executable, ROOT / "run_all.py", *options], subprocess.DEVNULL
    return subprocess.run(command, capture_output=True, text=True, timeout=300, stdin=silent)


@pytest.fixture
def typed(capsys):
    """What the command does in this process: a function from options to its exit code, and to what it says where."""

    def run(*options: str) -> SimpleNamespace:
        try:
            code = main(options)
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        return SimpleNamespace(returncode=code, stdout=said.out, stderr=said.err)

    return run


def test_help_teaches():
    said = run_real("--help").stdout
    for word in ("--corpora", "--bundle", "--accept-licence", "DSLITE_DATA", "DSLITE_WEIGHTS", "my/own.csv", "--list"):
        assert word in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--corpora", "emodb"), "emodb"),
        (("--corpora", "no/such.csv"), "such.csv"),
        (("--data", "/no/such/folder"), "/no/such/folder"),
        (("--backbone", "resnet"), "resnet"),
        (("--seed", "-1"), "-1"),
    ],
)
def test_mistakes_are_named_in_a_sentence(typed, options, words, tmp_path):
    done = typed(*options, "--output", str(tmp_path))
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_weights_that_cannot_be_had_are_said_before_anything_starts(typed, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody listens there
    options = ("--corpora", "css", "--profile", "full", "--output", str(tmp_path / "out"))
    done = typed(*options)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    for words in ("densenet121_weights", "--weights", "--backbone efficientnet_lite0", "--random-weights"):
        assert words in done.stderr
    assert not (tmp_path / "out" / "reports").exists()
    assert "RANDOM, as asked for" in typed(*options, "--random-weights", "--dry-run").stdout
    assert typed(*options, "--stages", "corpus", "--dry-run").returncode == 0


def test_wrong_options_are_refused(typed):
    assert typed("--stages", "fly").returncode == 2
    assert typed("--cores", "0").returncode == 2


def test_the_licence_comes_before_the_download(tmp_path):
    done = run_real("--download", "ravdess", "--data", str(tmp_path))
    assert done.returncode == 1
    assert "CC BY-NC-SA 4.0" in done.stdout
    assert not any(tmp_path.rglob("*.wav"))
