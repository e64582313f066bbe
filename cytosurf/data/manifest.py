"""Manifests: what is known about every data source, one YAML file each.

A *source* is a set of files that share an origin, terms of use and citations. Each *file* of a
source has a fixed name in the data directory and one or several *upstream* files on the internet,
whose addresses, sizes and checksums are written in the manifest. Most files are kept as they are
upstream. Some are *converted*: several bulky files (columns of text, the coordinates of surfaces)
become the arrays of one ``.npz``, and the manifest also holds the hash of these arrays.
"""

from __future__ import annotations

import difflib
import json
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    StringConstraints,
    ValidationError,
    model_validator,
)

from cytosurf.errors import InputError, unknown_name

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")]
SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Upstream(_Model):
    """One file on the internet, with what must arrive; or one that is only recognised."""

    urls: tuple[Url, ...] = Field((), description="Addresses of the same bytes.")
    sha256: Sha256 = Field(description="SHA-256 of the upstream bytes.")
    bytes: PositiveInt = Field(description="Size of the upstream file.")
    array: Text | None = Field(None, description="Array of the converted file that it fills.")
    column: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Column of that array; left out where the file is the whole array."
    )


class File(_Model):
    """One file of a source, under the name it has in the data directory."""

    name: FileName = Field(description="Name in the data directory.")
    description: Text
    upstream: tuple[Upstream, ...] = Field(
        min_length=1, description="The file itself, or what a converted file is made of."
    )
    converter: Literal["text", "gifti-points"] | None = Field(
        None,
        description="How the upstream files become arrays: one number per line, or the vertex "
        "coordinates of a GIFTI surface. Left out where the upstream file is kept as it is.",
    )
    content_sha256: Sha256 | None = Field(
        None, description="Hash of the arrays of a converted file, however they are stored."
    )
    space: Text | None = Field(None, description="Template whose vertices or voxels it lists.")
    density: Text | None = Field(None, description="Density of the mesh, or voxel size.")
    hemisphere: Literal["L", "R", "both"] | None = None
    licence: str = Field("", description="Terms of use; left out: those of the source.")
    commercial_use: bool | None = Field(None, description="As for the source.")
    citations: tuple[Text, ...] = Field((), description="Left out: those of the source.")

    @property
    def bytes(self) -> int:
        """Size of everything that is downloaded for this file."""
        return sum(upstream.bytes for upstream in self.upstream)

    @model_validator(mode="after")
    def _check_conversion(self) -> File:
        if self.converter is None:
            if len(self.upstream) != 1 or self.upstream[0].array or self.content_sha256:
                raise ValueError(
                    "a file without converter has one upstream file, no array, no content_sha256"
                )
            return self
        if self.content_sha256 is None or not self.name.endswith(".npz"):
            raise ValueError("a converted file is named .npz and has a content_sha256")
        columns: dict[str, list[int | None]] = {}
        for upstream in self.upstream:
            if upstream.array is None:
                raise ValueError("every upstream file of a converted file names its array")
            columns.setdefault(upstream.array, []).append(upstream.column)
        for array, found in columns.items():
            if found not in ([None], list(range(len(found)))):
                raise ValueError(f"columns of {array!r} are {found}: expected 0, 1, 2, ... or none")
        return self


class Source(_Model):
    """A data source: where its files come from and on which terms they may be used."""

    name: SourceName = Field(description="Name that users type; also the name of the manifest.")
    title: Text
    description: Text
    homepage: Url
    licence: Text = Field(description="Terms of use in words, as they are stated upstream.")
    commercial_use: bool | None = Field(
        description="Whether commercial use of all files is allowed; null where upstream does not "
        "say. A file may be freer than its source, not stricter."
    )
    citations: tuple[Text, ...] = Field(min_length=1)
    access: Literal["download", "import", "package", "project page"] = Field(
        "download",
        description="Whether files are downloaded, only recognised in a folder of the user's, "
        "installed with a Python package, or only described on the homepage.",
    )
    files: tuple[File, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _inherit_terms(cls, data: object) -> object:
        """Give files without terms or citations of their own those of the source."""
        if not isinstance(data, dict) or not isinstance(data.get("files"), list | tuple):
            return data
        terms = {key: data[key] for key in ("licence", "commercial_use") if key in data}
        citations = {"citations": data["citations"]} if "citations" in data else {}
        files = [
            {**citations, **({} if file.get("licence") else terms), **file}
            if isinstance(file, dict)
            else file
            for file in data["files"]
        ]
        return {**data, "files": files}

    @model_validator(mode="after")
    def _check_files(self) -> Source:
        if bool(self.files) != (self.access in ("download", "import")):
            raise ValueError("files are listed where access is 'download' or 'import', only there")
        has_address = [bool(upstream.urls) for f in self.files for upstream in f.upstream]
        if set(has_address) - {self.access == "download"}:
            raise ValueError("files have addresses where, and only where, access is 'download'")
        cautious = {False: 0, None: 1, True: 2}  # a source must not promise more than its files
        if any(cautious[f.commercial_use] < cautious[self.commercial_use] for f in self.files):
            raise ValueError("commercial_use of a file is stricter than that of the source")
        names = [file.name for file in self.files]
        double = sorted({name for name in names if names.count(name) > 1})
        if double:
            raise ValueError(f"file names occur twice: {', '.join(double)}")
        return self

    def check_downloadable(self) -> None:
        """Raise `InputError`, with the way to the data, if cytosurf cannot download the source."""
        if self.access == "project page":
            raise InputError(
                f"data source {self.name}",
                "no files that cytosurf could download or check",
                "files whose formats are known",
                f"Get them from {self.homepage}",
            )

    def file(self, name: str) -> File:
        """Return the file of that name.

        Raises
        ------
        InputError
            If the source has no such file; the message names the nearest one.
        """
        for file in self.files:
            if file.name == name:
                return file
        if self.access == "package":
            raise InputError(
                f"data source {self.name}",
                f"a request for the file {name!r}",
                "no request: its files are installed with a Python package",
                "Use cytosurf.data.embedded_path.",
            )
        self.check_downloadable()
        names = [file.name for file in self.files]
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        raise InputError(
            f"data source {self.name}",
            f"no file {name!r}",
            f"one of its {len(names)} files (`cytosurf data list {self.name}`)",
            f"Did you mean {near[0]!r}?" if near else "",
        )


def manifest_directory() -> Path:
    """Return the folder of the manifests, in an installed package or in a source checkout.

    A wheel carries them as ``cytosurf/data/manifests``; a checkout (and an editable
    installation of it) has them as ``data_manifests`` beside the package.

    Raises
    ------
    InputError
        If neither exists: the installation is incomplete.
    """
    with resources.as_file(resources.files("cytosurf")) as package:
        installed = package / "data" / "manifests"
        checkout = package.parent / "data_manifests"
    for folder in (installed, checkout):
        if folder.is_dir():
            return folder
    raise InputError(
        "installation", "no data manifests", f"{installed} or {checkout}", "Reinstall cytosurf."
    )


def json_schema() -> str:
    """Return the JSON schema of a manifest, as checked in beside the manifests.

    Written by ``python -c "from cytosurf.data.manifest import json_schema; print(json_schema())"
    > data_manifests/schema.json``.
    """
    return json.dumps(Source.model_json_schema(), indent=2)


def sources() -> dict[str, Source]:
    """Return every known data source by its name.

    Returns
    -------
    dict of str to Source
        In alphabetical order.

    Raises
    ------
    InputError
        If a manifest is not valid; the message names the file and the field.

    Examples
    --------
    >>> sources()["yeo"].file("Yeo_JNeurophysiol11_7Networks.32k.L.label.gii").hemisphere
    'L'
    """
    return {name: load_source(name) for name in _source_names(manifest_directory())}


def load_source(name: str) -> Source:
    """Return one source, without reading the other manifests.

    Raises
    ------
    InputError
        If there is no such source (the message names the nearest one), or its manifest is not
        valid.
    """
    folder = manifest_directory()
    names = _source_names(folder)
    if name not in names:
        raise unknown_name("data source", name, names)
    return read_manifest(folder / f"{name}.yaml")


def _source_names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("[!.]*.yaml"))


@lru_cache(maxsize=64)
def read_manifest(path: Path) -> Source:
    """Read and check one manifest.

    Parameters
    ----------
    path : pathlib.Path
        The YAML file; its name without suffix must be the name of the source.

    Raises
    ------
    InputError
        If it is not YAML or breaks a rule of the models in this module.
    """
    try:
        # The C parser builds the same plain values as yaml.safe_load, ten times faster.
        content = yaml.load(
            path.read_text(encoding="utf-8"),
            Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader),
        )
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(str(path), f"text that is not YAML ({error})", "a data manifest") from None
    try:
        source = Source.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise InputError(
            str(path), f"{error.error_count()} invalid fields, first {field}", first["msg"]
        ) from None
    if f"{source.name}.yaml" != path.name:
        raise InputError(str(path), f"name: {source.name}", "the name of the file without .yaml")
    return source
