"""A library that is not installed is told with the extra it belongs to."""

import pytest

from cytosurf.cli.extras import from_extra
from cytosurf.errors import InputError


def test_the_message_says_what_to_install():
    """With the library's name."""
    words = r"no_such_library.*pip install 'cytosurf\[train\]'"
    with pytest.raises(InputError, match=words), from_extra("train"):
        import no_such_library  # noqa: F401


def test_other_errors_and_imports_that_work_are_left_alone():
    """Only a missing library is an extra's."""
    with from_extra("train"):
        import json  # noqa: F401
    with pytest.raises(ZeroDivisionError), from_extra("train"):
        raise ZeroDivisionError
