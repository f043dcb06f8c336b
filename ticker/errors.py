"""Every error this program raises on purpose.

TickerError
├── UsageError        the user's words: arguments, configuration, record files    (exit 2)
├── StartError        the surroundings at start: port in use, no Redis, lock held (exit 1)
└── BadFrame          an exchange sent something that is not what its documents say (dropped, counted)

A message names the thing and what to do about it, in one line, without a traceback.
"""


class TickerError(Exception):
    """The root of the tree; never raised itself."""


class UsageError(TickerError):
    """Wrong arguments or configuration: one line on stderr, exit code 2."""


class StartError(TickerError):
    """The program cannot start here and now: one line on stderr, exit code 1."""


class BadFrame(TickerError):
    """A frame that is not JSON, is cut, is nested too deep or lacks what it must carry."""
