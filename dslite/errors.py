"""The exceptions that are meant for people."""

import traceback


class DsliteError(Exception):
    """Something a user can mend: the message names the file or value, what was expected and what to do.

    Programs and notebooks say the message alone (one sentence or two); the traceback goes to the log of a run.
    """

    logged = False  # True in a run

    def _render_traceback_(self) -> list[str]:  # which IPython asks for
        return traceback.format_exception(self) if self.logged else [str(self)]


class NoRoom(DsliteError):
    """A disk could not take more: nothing is said of what was tried, and the next time it may go well."""


class Died(DsliteError):
    """A process was killed from outside, most likely because memory ran out: with more of it, it may go well."""


class Damaged(DsliteError, ValueError):
    """A file of an output is not what was written: it was changed by hand, or its disk lost a part."""


class UnusableAudio(DsliteError):
    """A file that cannot be used; the message is the reason, fit for a report: it continues "The audio ..."."""
