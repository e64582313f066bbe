"""Help pages that fit any terminal: paragraphs of docstrings without the lines of the source."""

from __future__ import annotations

import inspect

import typer


def flowing(text: str) -> str:
    r"""Return a text with each of its paragraphs on one line.

    Examples
    --------
    >>> flowing("Map files.\n\nSeveral at once\ngo into a folder.")
    'Map files.\n\nSeveral at once go into a folder.'
    """
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def let_help_flow(app: typer.Typer) -> None:
    """Give every command of a program, and of its groups, the flowing docstring as help.

    typer wraps the first paragraph of a docstring to the terminal, but keeps the lines of others.
    """
    for command in app.registered_commands:
        if command.callback is not None:
            command.help = flowing(inspect.getdoc(command.callback) or "")
    for group in app.registered_groups:
        if group.typer_instance is not None:
            let_help_flow(group.typer_instance)
