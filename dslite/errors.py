"""The one exception that is meant for people."""


class DsliteError(Exception):
    """Something a user can mend: the message names the file or value, what was expected and what to do.

    Programs print the message alone (one sentence or two); the traceback goes to the log.
    """
