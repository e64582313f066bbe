"""Help pages are wrapped by the terminal, not by the source."""

from itertools import pairwise

import pytest
import typer
from typer.testing import CliRunner

from cytosurf.cli import app
from cytosurf.cli.help_text import flowing, let_help_flow


def test_paragraphs_stay_and_lines_go():
    """Lines of a paragraph are joined; blank lines between paragraphs stay."""
    assert flowing("One.\n\nTwo\nlines   here.\n\nThree.") == "One.\n\nTwo lines here.\n\nThree."
    assert flowing("") == ""


def test_commands_of_groups_flow_too():
    """The docstring of every command is joined, also where it is in a group."""
    program, group = typer.Typer(), typer.Typer()

    @program.command("one")
    def one():
        """First line.

        Second
        line.
        """

    group.command("two")(one)
    program.add_typer(group, name="group")
    let_help_flow(program)
    for command in (program.registered_commands[0], group.registered_commands[0]):
        assert command.help == "First line.\n\nSecond line."


@pytest.mark.parametrize("command", [["map"], ["embeddings", "import"], ["calibrate"]])
def test_no_line_of_help_ends_early(command):
    """On a narrow terminal a line is broken where the next word does not fit."""
    result = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "60"})
    prose = result.output.split("\u256d")[0].splitlines()
    for line, after in pairwise(prose):
        if line.strip() and after.strip():
            assert len(line.rstrip()) + 1 + len(after.split()[0]) > 58, line
