"""Notebooks as jobs of a cluster: options without one, and toy notebooks through SLURM where there is one."""

import shutil
import subprocess

import pytest
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from dslite.errors import DsliteError
from dslite.layout.paths import Paths
from dslite.run import cluster
from dslite.run.cluster import Cluster
from dslite.run.options import parse
from tests.toys import command, write_templates

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
    known = cluster.chosen("slurm", f"{told} requeue=yes")
    assert known.jobs == 7
    extra = {"slurm_extra": "--exclusive -x a"}
    assert known.resources == {"slurm_partition": "main", "slurm_account": "x", "mem_mb": 9000} | extra
    settings = known.plugin_settings(Paths(tmp_path))
    assert settings.status_command == "squeue" and settings.requeue is True and settings.no_requeue is False
    assert settings.init_seconds_before_status_checks == 10, "ours, where nothing is said"
    assert settings.logdir == Paths(tmp_path).cluster_logs
    other = Cluster("slurm", settings={"requeue": "no", "init_seconds_before_status_checks": "40"})
    settings = other.plugin_settings(Paths(tmp_path / "other"))
    assert settings.requeue is False and settings.init_seconds_before_status_checks == 40
    assert settings.jobname_prefix != cluster.run_name(Paths(tmp_path)), "a name per output folder"


@needs_plugin
@pytest.mark.parametrize(
    "told, said",
    [
        ("main", "name=value, with spaces between them; 'main' is not"),
        ("partition=", "'partition=' is not"),
        ("jobs=0", "jobs=0 is not a number of at least 1"),
        ("jobs=many", "jobs=many is not a number"),
    ],
)
def test_options_that_are_none(sbatch, told, said):
    with pytest.raises(DsliteError, match=said):
        cluster.chosen("slurm", told)


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


@needs_slurm
def test_notebooks_are_jobs_of_slurm(tmp_path):
    templates, out = write_templates(tmp_path / "templates"), tmp_path / "out"
    options = ("--corpora", "css", "--stages", "train", "--output", out, "--cluster", "slurm")
    process = command(templates, *options)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert "done      css train" in said
    paths = Paths(out)
    assert paths.corpus("css").page("train").exists()
    assert "has been submitted with SLURM jobid" in paths.engine_log.read_text()
    again, _ = command(templates, *options).communicate(timeout=60)
    assert "started" not in again, "nothing is to do"
