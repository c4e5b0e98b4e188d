"""What a command may fail with: a message that says what, where and what to do, and an exit code."""

import click


class Failed(click.ClickException):
    """The work was refused or failed: exit code 1."""

    exit_code = 1


class UnusableArguments(click.ClickException):
    """The arguments, or the files that they name, cannot be used: exit code 2."""

    exit_code = 2
