"""Who has which GPU, and what can be tried of it without one."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dslite.errors import Died
from dslite.processes import GPUS
from dslite.run import engine
from dslite.run.cli import main
from dslite.run.plan import Plan
from dslite.run.resolve import resolve
from dslite.run.session import prepare
from dslite.stages.train.pool import side_by_side
from tests.test_runs import member, plan_of
from tests.toys import write_templates

TAKE = """import os, sys
from dslite.run import gpus
gpus.take(int(sys.argv[1]))
print(os.environ.get("DSLITE_GPUS"), os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
sys.stdin.read()"""


@pytest.fixture
def names(monkeypatch, tmp_path) -> list[str]:
    """Three GPUs of a run, under names that no other test holds."""
    found = [f"{os.getpid()}-{letter}" for letter in "abc"]
    monkeypatch.setenv(GPUS, ",".join(found))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return found


def taking(number: int) -> subprocess.Popen:
    """A process that has taken so many and keeps them until its input ends."""
    how = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", TAKE, str(number)], **how)


def test_more_than_there_are_is_refused_before_anything_runs(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv(GPUS, raising=False)
    assert main(["--corpora", "css", "--output", str(tmp_path), "--gpus", "99"]) == 1
    assert "--gpus 99: TensorFlow sees " in (said := capsys.readouterr().err) and "or ask for fewer" in said
    assert GPUS not in os.environ and not list(tmp_path.rglob("*.html"))


def test_each_is_one_process_at_a_time_and_free_when_that_is_gone(names):
    a, b, c = names
    first, none = taking(2), taking(0)
    assert first.stdout.readline() == f"{a},{b} {a},{b}\n"
    assert none.stdout.readline() == " -1\n", "a notebook that fits nothing sees none"
    second = taking(1)
    assert second.stdout.readline() == f"{c} {c}\n"
    third = taking(2)
    assert (
        third.stdout.readline() == ""
        and f"all but 0 of the GPUs {', '.join(names)}; 2 must be free" in third.communicate()[1]
    )
    first.kill()
    first.wait()
    again = taking(2)
    assert again.stdout.readline() == f"{a},{b} {a},{b}\n"
    for process in (second, none, again):
        process.communicate()


def test_a_cluster_has_chosen_them(monkeypatch):
    monkeypatch.delenv(GPUS, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert taking(2).communicate()[0] == "3,5 3,5\n"
    assert taking(0).communicate()[0] == " 3,5\n", "where nobody has asked for any, all is as it was"


SEEN = """import os, pathlib, time
pathlib.Path(folder, str(os.getpid())).write_text(os.environ["CUDA_VISIBLE_DEVICES"])
while len(os.listdir(folder)) < 2:
    time.sleep(0.1)"""


def test_fits_side_by_side_are_no_more_than_gpus_and_each_has_its_own(names, monkeypatch, tmp_path):
    monkeypatch.setenv(GPUS, ",".join(names[:2]))
    with side_by_side(4, lambda told: None) as (pool, _):
        for done in [pool.submit(exec, SEEN, {"folder": str(tmp_path)}) for _ in range(6)]:
            done.result()
    assert sorted(process.read_text() for process in tmp_path.iterdir()) == names[:2], "two processes, of six fits"


WHEN = """import os, time
begun = time.time()
time.sleep(3)
Path(output, corpus).write_text(f"{begun} {time.time()} {os.environ['CUDA_VISIBLE_DEVICES']}")"""


def test_notebooks_wait_for_a_gpu_that_another_has(names, monkeypatch, tmp_path):
    monkeypatch.setenv(GPUS, names[0])
    write_templates(tmp_path / "templates")
    out = tmp_path / "out"
    out.mkdir()
    jobs = []
    for corpus, gpus in (("aa", 1), ("bb", 1), ("cc", 0)):
        (out / f"{corpus}-train.py").write_text(WHEN)
        of = plan_of(tmp_path, member(corpus, out), stages=["train"]).jobs
        jobs += [replace(job, gpus=gpus) for job in of if job.stage == "train"]
    assert engine.execute(Plan(out, tuple(jobs)), 3, lambda name: None, lambda name: None)
    told = {corpus: (out / corpus).read_text().split() for corpus in ("aa", "bb", "cc")}
    assert [told[corpus][2] for corpus in told] == [names[0], names[0], "-1"]
    (_, end, _), (begun, _, _) = sorted((told["aa"], told["bb"]), key=lambda one: float(one[0]))
    assert float(end) <= float(begun), "one after the other"


def test_what_fits_or_asks_a_base_model_gets_as_many_as_it_has_threads(names, tmp_path):
    settings = resolve("css", profile="demo", weights="random", output=tmp_path)
    given = {cores: prepare([settings], ["explain"], settings.backbone, cores).plan.jobs for cores in (2, 8)}
    gpus = {cores: {job.stage: job.gpus for job in jobs} for cores, jobs in given.items()}
    assert gpus[2] == {"corpus": 0, "train": 2, "baseline": 1, "evaluate": 0, "explain": 1}
    assert gpus[8]["train"] == 3


ELSEWHERE = """import sys, tempfile
from pathlib import Path
import numpy as np, tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
device = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * 2)
from dslite.front_end import FrontEnd
from dslite.network import load_backbone
from dslite.profiles import Recipe
from dslite.store import Spectrograms, build
from dslite.training import Examples, Trainer

noise = 0.1 * np.random.default_rng(0).standard_normal((12, 8_000)).astype(np.float32)
waves = {f"{number}.wav": wave for number, wave in enumerate(noise)}
place = Path(tempfile.mkdtemp(dir=sys.argv[1])) / "levels.npy"
chunks, _ = build(list(waves), waves, 0.5, FrontEnd(), place)
recipe = Recipe(8, 0.25, "adam", 0.001, (1, 2), 1.0, 0.5, batch=4)
found = []
for name in tf.config.list_logical_devices("CPU"):
    with tf.device(name.name):
        trainer = Trainer(Spectrograms(place, chunks), load_backbone("toynet", seed=3), 2, recipe)
        what = Examples(np.arange(8), np.arange(8, 12), np.arange(12) % 2, np.arange(12))
        found.append(trainer.fit(what, trainer.extract(np.arange(12)), "both", 1).probabilities)
        devices = {variable.value.device for variable in trainer._state()}
        assert len(devices) == 1 and devices.pop().endswith(name.name), "some stay behind"
assert len(found) == 2 and (found[0] == found[1]).all(), "they differ"
"""


def test_a_fit_computes_on_the_device_that_it_is_given(tmp_path):
    """No GPU: TensorFlow takes the processor for two devices."""
    base_models = Path(__file__).with_name("in_processes"), Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, base_models))}
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(tmp_path)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_process_that_ends_without_a_word_is_said_to_have_died():
    with pytest.raises(Died, match="memory ran out"), side_by_side(2, lambda told: None) as (pool, follow):
        follow({pool.submit(os._exit, 9)})
