"""Kernels and runners that are forks of one process must come, go and fail as those do that are started one by one."""

import json
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from dslite.layout.paths import Paths
from tests.toys import alive, command, wait_for, write_templates

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")

FOUR = ("--corpora", "css", "ess", "--stages", "corpus", "train")
LOOK = """import json, os, psutil, sys
mine = [p for p in psutil.process_iter(["cmdline"]) if (p.info["cmdline"] or [])[-len(sys.argv) + 1:] == sys.argv[1:]]
found = dict(
    pid=os.getpid(), group=os.getpgrp(), folder=os.getcwd(), progress=os.environ["DSLITE_PROGRESS"], argv=sys.argv[1:],
    there="tensorflow" in sys.modules,
    ours=sorted({m.split(".")[1] for m in sys.modules if m.startswith("dslite.")} - {"run", "processes", "layout"}),
    forked_by=os.getppid(), parent=open(f"/proc/{os.getppid()}/cmdline").read().split(chr(0)),
    random=__import__("numpy").random.rand(), address=os.environ["DSLITE_FORKS"],
    runner=mine[0].parent().cmdline(),
)
Path(output, f"{corpus}.json").write_text(json.dumps(found))"""
SLOW = """import os, subprocess, time
child = subprocess.Popen(["sleep", "300"])
Path(output, "pids").write_text(f"{os.getpid()} {os.getppid()} {child.pid}")
time.sleep(300)"""
KERNEL, SERVER, CHILD = range(3)


@pytest.fixture
def toys(tmp_path) -> tuple[Path, Path]:
    """Templates and an output folder."""
    (tmp_path / "out").mkdir()
    return write_templates(tmp_path / "templates"), tmp_path / "out"


def start_slow(templates: Path, out: Path):
    """A run of four notebooks of which one takes minutes; the ids of its kernel, the server and the kernel's child."""
    (out / "css-corpus.py").write_text(SLOW)
    process = command(templates, *FOUR, "--output", out, forked=True)
    wait_for(lambda: (out / "pids").exists() and (out / "pids").read_text().count(" ") == 2, seconds=60)
    pids = [int(pid) for pid in (out / "pids").read_text().split()]
    assert "dslite.run.forks" in psutil.Process(pids[SERVER]).cmdline()
    return process, pids


def test_a_run_takes_its_kernels_from_one_process(toys, tmp_path, monkeypatch):
    templates, out = toys
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "seaborn.py").write_text("raise SystemExit('the user's own, not the package')")
    monkeypatch.chdir(tmp_path / "here")
    for corpus in ("css", "ess"):
        (out / f"{corpus}-train.py").write_text(LOOK)
    process = command(templates, *FOUR, "--output", out, forked=True)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    css, ess = (json.loads((out / f"{corpus}.json").read_text()) for corpus in ("css", "ess"))
    assert "dslite.run.forks" in css["parent"] and css["parent"] == ess["parent"]
    assert css["there"] and css["ours"] == [], "what is not ours has been imported, what is ours has not"
    assert css["pid"] == css["group"] != ess["pid"]
    assert css["argv"] != ess["argv"], "each has its own connection"
    assert css["random"] != ess["random"]
    for corpus, found in (("css", css), ("ess", ess)):
        assert Path(found["folder"]) == Paths(out).corpus(corpus).page("train").parent
        assert Path(found["progress"]).name == f"{corpus}-train.progress.json"
    assert css["runner"] == [*filter(None, css["parent"])], "what executes it is a fork too"
    assert not Path(css["address"]).parent.exists()
    assert not alive(css["forked_by"])


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_all_end_with_the_run(toys, how):
    templates, out = toys
    process, pids = start_slow(templates, out)
    os.kill(process.pid, how)
    process.communicate(timeout=20)
    wait_for(lambda: not any(alive(pid) for pid in pids), seconds=10)


def test_a_killed_kernel_fails_its_own_notebook_alone(toys):
    templates, out = toys
    process, pids = start_slow(templates, out)
    os.kill(pids[KERNEL], signal.SIGKILL)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "css corpus: The kernel was killed (SIGKILL, exit code -9)" in said
    assert Paths(out).corpus("ess").page("train").exists()


def test_without_its_forks_a_run_starts_kernels_itself(toys):
    templates, out = toys
    process, pids = start_slow(templates, out)
    (out / "ess-train.py").write_text(LOOK.replace('os.environ["DSLITE_FORKS"]', '""'))
    os.kill(pids[SERVER], signal.SIGKILL)
    os.kill(pids[KERNEL], signal.SIGTERM)
    said, _ = process.communicate(timeout=300)
    assert "css corpus: The kernel" in said
    assert Paths(out).corpus("ess").page("train").exists(), said


def test_without_a_socket_a_run_starts_kernels_itself(toys, monkeypatch):
    templates, out = toys
    deep = out / ("d" * 90)
    deep.mkdir()
    monkeypatch.setenv("TMPDIR", str(deep))
    process = command(templates, *FOUR, "--output", out, forked=True)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert "kernels start the usual way" in (Paths(out).logs / "forks.log").read_text()
    assert not list(deep.iterdir())
