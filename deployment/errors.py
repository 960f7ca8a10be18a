"""The errors an operator meets: each owns its message, its remedy and its exit code."""

from __future__ import annotations


class OperatorError(Exception):
    """An expected failure, shown as `error:` and `hint:` and never as a traceback.

    Args:
        message: What happened and why, one sentence.
        hint: The exact remedy: a command to run or a setting to change.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ChangeFailedError(OperatorError):
    """A change was applied and could not be verified, or could not be applied at all."""


class UsageError(OperatorError):
    """The command line or the settings file asks for something that does not exist."""

    exit_code = 2


class HeldError(OperatorError):
    """A gate, a check or a soak says no."""

    exit_code = 3


class UnreachableError(OperatorError):
    """The target, its router or its metrics do not answer."""

    exit_code = 4


class LockedError(OperatorError):
    """Another operator is at work on the same deployment."""

    exit_code = 5
