"""From a template notebook to an executed one and its page, or to a page that says why not."""

import os
import signal
import sys
import uuid
from pathlib import Path

import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient.exceptions import DeadKernelError
from papermill import execute_notebook
from papermill.exceptions import PapermillExecutionError
from papermill.execute import remove_error_markers
from traitlets.config import Config

from dslite import errors
from dslite.errors import DsliteError
from dslite.files import whole_file
from dslite.layout.paths import Paths
from dslite.reporting.pages import failure_page, to_html
from dslite.run.outcome import MEMORY
from dslite.run.parameters import filled
from dslite.run.plan import Job


class NotebookError(DsliteError):
    """A notebook that did not get to its end; the failed page has been written."""


class _Kernel(AsyncKernelManager):
    """A kernel of this very interpreter, whatever kernels are installed, that remembers how it ended."""

    ended: int | None = None

    @property
    def kernel_spec(self) -> KernelSpec:
        command = [sys.executable, "-m", "dslite.run.launcher", "dslite.run.kernel", "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name="Python 3", language="python")

    async def is_alive(self) -> bool:  # type: ignore[override]  # jupyter_client itself wraps it to be one
        alive = await super().is_alive()
        if not alive and self.has_kernel:
            type(self).ended = await self.provisioner.poll()
        return alive


_PATIENCE = 600
"""Seconds within which a kernel has to answer; on a machine that others use, papermill's own 60 were not enough."""


def execute(job: Job, paths: Paths, values: dict[str, object]) -> None:
    """Runs a copy of a job's template, with these values in its first code cell; the kernel works in the folder where
    the notebook will lie.

    The old notebook and page go first; the new ones appear together at the end, so that nothing looks
    finished that is not; of a notebook that fails there is a page with the error on top. One call per process:
    papermill changes the working directory.

    Raises:
        DsliteError: an unknown parameter, or no such template.
        NotebookError: the notebook failed, its kernel died, it left no record, or its page could not be made.
    """
    (page, notebook, record), failed = job.leaves(paths), job.places(paths).failed_page(job.stage)
    for old in (notebook, page, *notebook.parent.glob(f".{notebook.stem}.*.part*")):
        old.unlink(missing_ok=True)
    prepared = filled(Path(job.template), values)
    home = Path(os.path.relpath(paths.index, page.parent)).as_posix()
    with whole_file(page) as page_draft, whole_file(notebook) as draft:
        nbformat.write(prepared, draft)
        try:
            _run(draft, notebook.parent)
            if not record.is_file():
                raise DsliteError(f"The notebook came to an end without writing {record}.")
            to_html(draft, page_draft, job.title, home, notebook.name)
        except Exception as error:
            sentence = _sentence(error)
            nbformat.write(remove_error_markers(nbformat.read(draft, as_version=4)), draft)
            with whole_file(failed) as failed_draft:
                failure_page(draft, failed_draft, sentence, job.title, home)
            raise NotebookError(sentence) from error
    failed.unlink(missing_ok=True)


def _run(draft: Path, folder: Path) -> None:
    """Executes a notebook in its own file."""
    place = str(draft).replace("{", "{{").replace("}", "}}")  # papermill takes braces in paths for parameters
    how = {"kernel_name": "python3", "kernel_manager_class": _Kernel, "progress_bar": False}
    # Five ports that are free as the kernel is ordered may be another's when it takes them, a second later: the kernel
    # then ends at once. Linux has sockets with names of their own, which leave no file behind either.
    own = {"transport": "ipc", "ip": f"@dslite-{uuid.uuid4().hex}"} if sys.platform == "linux" else {}
    execute_notebook(place, place, cwd=folder, start_timeout=_PATIENCE, config=Config(KernelManager=own), **how)
    executed = nbformat.read(draft, as_version=4)
    if any(output.output_type == "error" for cell in executed.cells for output in cell.get("outputs", [])):
        raise DsliteError("A cell called exit(), so the notebook stopped before its end.")  # papermill lets it pass
    executed.metadata.pop("papermill", None)  # it names the draft and folders of this machine
    nbformat.write(executed, draft)


def _sentence(error: Exception) -> str:
    """What went wrong, for people."""
    if isinstance(error, PapermillExecutionError):
        if error.ename == "MemoryError":
            return f"Out of memory in cell {error.cell_index + 1}. {MEMORY}"
        message, kind = error.evalue.strip() or "no message", getattr(errors, error.ename, None)
        # Other kinds come from a notebook's work as plain ones (dslite.run.notebook).
        meant_for_people = isinstance(kind, type) and issubclass(kind, DsliteError)
        return message if meant_for_people else f"{error.ename} in cell {error.cell_index + 1}: {message}"
    if isinstance(error, DeadKernelError) or isinstance(error, RuntimeError) and _Kernel.ended is not None:
        return _death(_Kernel.ended)
    return str(error) or type(error).__name__


def _death(code: int | None) -> str:
    if code == -signal.SIGKILL:
        return (
            "The kernel was killed (SIGKILL, exit code -9), which is what the system does when memory runs out. "
            + MEMORY
        )
    if code == -signal.SIGBUS:
        return "The kernel died of signal SIGBUS, as it does when a file cannot be written because its disk is full."
    if code is not None and code < 0:
        return f"The kernel died of signal {signal.Signals(-code).name} (exit code {code}); see the log."
    return f"The kernel died (exit code {'unknown' if code is None else code}); see the log."
