"""The public names of cytosurf.data, and what importing it must not do."""

import subprocess
import sys

from cytosurf import data

CODE = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
import cytosurf.data
heavy = {"pooch", "pydantic", "requests", "rich", "nibabel", "yaml", "numpy"}
print(sorted(heavy & set(sys.modules)))
print([name for name in opened if not name.endswith((".py", ".pyi", ".pyc", ".so"))])
"""


def test_import_is_light_and_opens_no_file():
    """Importing the package loads nothing heavy and reads nothing but Python code."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]


def test_every_public_name_resolves():
    """Each name in __all__ is there, and there are no others."""
    for name in data.__all__:
        assert callable(getattr(data, name)), name
    assert set(dir(data)) >= set(data.__all__)
