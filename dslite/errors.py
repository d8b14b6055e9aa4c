"""The exceptions that are meant for people."""

import traceback


class DsliteError(Exception):
    """Something a user can mend: the message names the file or value, what was expected and what to do.

    Programs print the message alone (one sentence or two), and so do notebooks; the traceback goes to the log.
    """

    logged = False
    """Whether what a notebook shows of it goes to a log: in a run."""

    def _render_traceback_(self) -> list[str]:  # asked for by IPython
        return traceback.format_exception(self) if self.logged else [str(self)]


class Stopped(KeyboardInterrupt):
    """A notebook was interrupted: the message says what is kept and how to go on, and no more is shown."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]
