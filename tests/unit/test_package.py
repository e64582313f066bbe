"""The package as a whole: a light import, a complete public API, rooms in their order."""

import ast
import inspect
import json
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import cytosurf

PACKAGE = Path(cytosurf.__file__).parent
REPOSITORY = Path(__file__).resolve().parents[2]
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = (
    *("data", "surfaces", "connectors", "targets", "features", "decoding", "nulls", "runs"),
    *("bench", "report", "workflow", "spinning", "cli"),
)
TRAINING = ("spatialnce", "probes")
FOR_ALL = ("errors", "compute", "_version")
SIDE_ROOMS = {  # what each may import; of the others only the command line imports them
    "spatialnce": ("data", "surfaces", "features", "histology"),
    "histology": ("data", "surfaces", "features"),
    "probes": ("data", "surfaces", "features", "decoding", "histology", "spatialnce"),
}
HEAVY = (
    *("numpy", "scipy", "pandas", "numba", "sklearn", "statsmodels", "nibabel", "nilearn"),
    *("matplotlib", "torch", "dask", "siibra", "neuromaps", "brainspace", "vtk", "gpytoolbox"),
    *("pydantic", "pooch", "requests", "yaml", "jinja2", "typer", "rich", "socket"),
)
MAX_MODULE_LINES, MAX_FUNCTION_LINES = 400, 60


def run(code):
    """Run Python code in a fresh process and return what it prints, as JSON."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def room(path):
    """Return the room that a module belongs to; the package itself is the last of all."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "package" if first == "__init__" else first


def imports(path):
    """Return the cytosurf modules that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names if node.module == "cytosurf" else {node.module}
    return {name for name in found if name.split(".")[0] == "cytosurf"}


def test_importing_the_package_is_light():
    """`import cytosurf` loads no library, opens no file but source, and asks no network."""
    seen = run(
        "import sys, json; events = []\n"
        "def note(event, arguments):\n"
        "    if event == 'open' or event.startswith(('socket', 'subprocess', 'urllib')):\n"
        "        events.append([event, str(arguments[0])])\n"
        "import lazy_loader\n"
        "sys.addaudithook(note); import cytosurf; seen = list(events)\n"
        f"print(json.dumps([seen, [m for m in {HEAVY!r} if m in sys.modules]]))"
    )
    events, loaded = seen
    assert loaded == []
    assert {event for event, _ in events} <= {"open"}
    opened = {Path(name) for _, name in events if "__pycache__" not in name}
    assert opened <= {PACKAGE / "__init__.py", PACKAGE / "_version.py"}


def test_a_light_name_stays_light():
    """Errors and the version cost nothing more."""
    code = (
        "import sys, json, cytosurf; cytosurf.InputError, cytosurf.__version__, dir(cytosurf)\n"
        f"print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    )
    assert run(code) == []


def test_the_command_line_starts_light():
    """`cytosurf --help` and the parsing of options load nothing of the science."""
    heavy = [name for name in HEAVY if name not in ("typer", "rich", "socket", "yaml")]
    code = (
        "import sys, json; sys.argv = ['cytosurf', '--help']\n"
        "import io, contextlib\n"
        "from cytosurf.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    try:\n        main()\n    except SystemExit as end:\n        code = end.code\n"
        f"print(json.dumps([code, [m for m in {heavy!r} if m in sys.modules]]))"
    )
    assert run(code) == [0, []]


@pytest.mark.parametrize("name", cytosurf.__all__)
def test_every_public_name_resolves(name):
    """What is listed is there, documented, and shown by dir()."""
    thing = getattr(cytosurf, name)
    assert name in dir(cytosurf) or name == "__version__"
    assert thing.__doc__


def test_public_names_are_listed_once_and_sorted():
    """The list of names is complete: what is imported for type checkers is what is lazy."""
    assert cytosurf.__all__ == sorted(set(cytosurf.__all__))
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    names = {alias.name for node in checked.body for alias in node.names}
    assert names | {"__version__"} == set(cytosurf.__all__)


@pytest.mark.parametrize(
    "room",
    ["surfaces", "features", "connectors", "targets", "data", "bench", "histology", *TRAINING],
)
def test_the_api_page_lists_every_function_and_class(room):
    """By the name in the package, or in its room."""
    page = (REPOSITORY / "docs" / "api" / "index.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^   ([\w.]+)$", page, re.MULTILINE))
    module = import_module(f"cytosurf.{room}")
    public = {name for name in module.__all__ if callable(getattr(module, name))}
    assert {name for name in public if not {name, f"{room}.{name}"} & listed} == set()


def test_unknown_names_are_attribute_errors():
    """As of any package."""
    with pytest.raises(AttributeError, match="no_such_name"):
        cytosurf.no_such_name  # noqa: B018


@pytest.mark.parametrize("name", [r for r in (*ROOMS, *SIDE_ROOMS) if (PACKAGE / r).is_dir()])
def test_rooms_have_what_they_list(name):
    """Every name in the list of a room exists."""
    package = import_module(f"cytosurf.{name}")
    for public in getattr(package, "__all__", ()):
        assert getattr(package, public) is not None


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_from_its_left(path):
    """Data flow goes one way: data, surfaces, targets, features, decoding, nulls, runs, ..."""
    here = room(path)
    if here == "package":
        return
    for name in imports(path):
        there = name.split(".")[1] if "." in name else ""
        if there in FOR_ALL or there == here:
            continue
        assert here not in FOR_ALL, f"{here} serves all and must not import {name}"
        if there == "__version__":  # the package's own version, of the command line
            assert here == "cli"
            continue
        if here in SIDE_ROOMS:
            assert there in SIDE_ROOMS[here], f"{here} must not import {name}"
            continue
        if there in SIDE_ROOMS:
            assert here == "cli", f"{here} must not import {name}"
            continue
        assert there in ROOMS, f"{name} has no place in the order"
        assert ROOMS.index(there) < ROOMS.index(here), f"{here} must not import {name}"


def test_every_library_that_is_imported_is_declared():
    """What a module imports is installed with the package or an extra, not by somebody else."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    declared = {_plain(re.split(r"[>=\[]", line)[0]) for group in groups for line in group}
    imported = {
        node.module if isinstance(node, ast.ImportFrom) else alias.name
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    names = {name.partition(".")[0] for name in imported} - sys.stdlib_module_names - {"cytosurf"}
    by_module = packages_distributions()
    undeclared = {
        name for name in names if not declared & {_plain(d) for d in by_module.get(name, [name])}
    }
    assert not undeclared


def _plain(name):
    return name.lower().replace("_", "-")


def test_every_module_has_a_place():
    """A new room must be given its place in the order above."""
    assert {room(path) for path in MODULES} <= {*ROOMS, *SIDE_ROOMS, *FOR_ALL, "package"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_modules_and_functions_are_small(path):
    """No module above 400 lines; no function body above 60, its documentation not counted."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_MODULE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            length = node.end_lineno - body[0].lineno + 1 if body else 0
            assert length <= MAX_FUNCTION_LINES, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_is_unpickled_or_evaluated(path):
    """No pickle, no unsafe YAML, no eval anywhere."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {getattr(node, "module", None), *(alias.name for alias in node.names)}
            assert not names & {"pickle", "dill", "cloudpickle", "shelve", "marshal"}
        if not isinstance(node, ast.Call):
            continue
        function = ast.unparse(node.func)
        assert function not in ("eval", "exec", "yaml.full_load", "yaml.unsafe_load")
        if function == "yaml.load":
            assert "SafeLoader" in ast.unparse(node)
        if function == "np.load":
            assert "allow_pickle=False" in ast.unparse(node)


@pytest.mark.parametrize("room", ["nulls", "runs", "bench", "report"])
def test_the_reference_lists_what_a_room_offers(room):
    """Every class and function, there or under its name in the top-level package."""
    module = import_module(f"cytosurf.{room}")
    listed = set((REPOSITORY / "docs/api/index.md").read_text(encoding="utf-8").split())
    offered = {name for name in module.__all__ if inspect.isroutine(getattr(module, name))}
    offered |= {name for name in module.__all__ if inspect.isclass(getattr(module, name))}
    assert not {n for n in offered if n not in listed and f"{room}.{n}" not in listed}
