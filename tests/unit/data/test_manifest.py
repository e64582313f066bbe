"""Manifests: what a valid one is, what is said about one that is not, and the real ones."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import jsonschema
import pytest
import yaml

from cytosurf.data import manifest
from cytosurf.errors import InputError
from tests.unit.data.conftest import original, source, upstream

REPOSITORY = Path(__file__).resolve().parents[3]
FOLDER = REPOSITORY / "data_manifests"
MANIFESTS = sorted(FOLDER.glob("*.yaml"))
REQUIRED = {
    *("bigbrainwarp", "gradients", "staining-profiles", "layer-thickness", "fslr", "yeo"),
    *("schaefer", "difumo64", "julich-brain", "cytonet-model-zoo", "brainspace"),
}

NOWHERE = {"sha256": "0" * 64, "bytes": 1}


def converted(**more):
    """Describe a converted file with two columns."""
    parts = [upstream(bytes([i]), array="a", column=i) for i in range(2)]
    entry = {"name": "a.npz", "description": "d", "upstream": parts, "converter": "text"}
    return {**entry, "content_sha256": "0" * 64, **more}


def test_every_source_of_the_decoding_experiment_is_there():
    """All sources that users are promised have a manifest."""
    assert set(manifest.sources()) >= REQUIRED


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_every_manifest_fits_the_checked_in_schema(path):
    """The YAML files are valid by the JSON schema beside them, without our code."""
    schema = json.loads((FOLDER / "schema.json").read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert list(validator.iter_errors(yaml.safe_load(path.read_text()))) == []


def test_checked_in_schema_is_that_of_the_model():
    """The JSON schema in the repository is generated from the pydantic model."""
    assert (FOLDER / "schema.json").read_text() == manifest.json_schema() + "\n"


def test_every_file_states_its_terms_and_citations():
    """Each file has a licence and a citation, its own or those of its source."""
    for entry in manifest.sources().values():
        for file in entry.files:
            assert file.licence, file.name
            assert file.citations, file.name


def test_addresses_are_encrypted_and_pinned_to_a_commit():
    """Every address is https and names a commit, so that the bytes behind it stay."""
    for entry in manifest.sources().values():
        for part in (part for file in entry.files for part in file.upstream):
            for url in part.urls:
                assert url.startswith("https://raw.githubusercontent.com/")
                assert len(url.split("/")[5]) == 40
            assert part.urls or entry.access == "import"


def test_bigbrain_data_are_never_called_free_for_commercial_use():
    """What comes from the BigBrain under CC BY-NC-SA is marked as non-commercial."""
    for entry in manifest.sources().values():
        for file in entry.files:
            if "NC" in file.licence or "non-commercial" in file.licence:
                assert file.commercial_use is False, file.name


def test_no_licence_file_means_unknown():
    """Where upstream states no terms at all, commercial use is unknown, not allowed."""
    for name in ("yeo", "hcp-maps", "fslr-atlases", "cytonet-model-zoo"):
        assert manifest.load_source(name).commercial_use is None


def test_hemisphere_in_the_name_is_the_hemisphere_stated():
    """Names with hemi-L or .L. belong to the left hemisphere, and so on."""
    for entry in manifest.sources().values():
        for file in entry.files:
            for side in "LR":
                if f"hemi-{side}" in file.name or f".{side}." in file.name:
                    assert file.hemisphere == side, file.name


@pytest.mark.real_data
def test_facts_are_those_of_the_upstream_list(real_data):
    """Addresses, sizes and checksums equal the separate list that comes with the data."""
    facts = {
        original["sha256"]: (original["raw_url"], original["bytes"])
        for file in json.loads((real_data / "manifest.json").read_text())["files"]
        for original in file["upstream"]
        if "sha256" in original
    }
    packed = {
        file["sha256"]: (None, file["bytes"])
        for file in json.loads((real_data / "manifest.json").read_text())["files"]
    }
    for entry in manifest.sources().values():
        known = packed if entry.access == "import" else facts
        for part in (part for file in entry.files for part in file.upstream):
            assert known[part.sha256] == (next(iter(part.urls), None), part.bytes)


def test_files_inherit_the_terms_of_their_source():
    """A file that says nothing about terms has those of the source."""
    entry = manifest.Source.model_validate(source(files=[original("a.gii", b"a")]))
    assert entry.files[0].licence == "CC0"
    assert entry.files[0].commercial_use is True
    assert entry.files[0].citations == ("Nobody, 2020",)


def test_a_licence_of_its_own_does_not_inherit_commercial_use():
    """A file with another licence does not silently take over the permission."""
    described = source(files=[original("a", b"a", licence="GPL")], commercial_use=None)
    assert manifest.Source.model_validate(described).files[0].commercial_use is None


def test_size_of_a_converted_file_is_what_is_downloaded():
    """The bytes of a converted file are those of its upstream files together."""
    assert manifest.File.model_validate(converted()).bytes == 2


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"licence": ""}, "licence"),
        ({"commercial_use": "maybe"}, "commercial_use"),
        ({"citations": []}, "citations"),
        ({"homepage": "ftp://example.org"}, "homepage"),
        ({"surprise": 1}, "surprise"),
        ({"access": "package"}, "files are listed where"),
        ({"access": "import"}, "files have addresses where"),
        ({"files": [{**original("a", b"a"), "upstream": [NOWHERE]}]}, "files have addresses where"),
        ({"files": [original("a", b"a"), original("a", b"b")]}, "occur twice: a"),
        ({"files": [original("../a", b"a")]}, "files.0.name"),
        ({"files": [original(".hidden", b"a")]}, "files.0.name"),
        ({"files": [original("a", b"a", hemisphere="left")]}, "hemisphere"),
        ({"files": [original("a", b"a", content_sha256="0" * 64)]}, "without converter"),
        ({"files": [{**original("a", b""), "upstream": []}]}, "upstream"),
        ({"files": [original("a", b"a", "file:///etc/passwd")]}, "urls"),
        ({"files": [original("a", b"")]}, "bytes"),
        ({"files": [original("a", b"a", licence="x", commercial_use=False)]}, "stricter"),
        ({"files": [converted(name="a.txt")]}, "named .npz"),
        ({"files": [converted(content_sha256=None)]}, "content_sha256"),
        ({"files": [converted(upstream=[upstream(b"a")])]}, "names its array"),
        ({"files": [converted(upstream=[upstream(b"a", array="a", column=1)])]}, "columns"),
        ({"files": "none"}, "files"),
    ],
)
def test_invalid_manifests_are_refused_by_file_and_field(manifests, change, complaint):
    """A manifest that breaks a rule is refused, and the message names file and field."""
    folder = manifests({**source(files=[original("a.gii", b"a")]), **change})
    with pytest.raises(InputError) as error:
        manifest.sources()
    assert str(folder / "toy.yaml") in str(error.value)
    assert complaint in str(error.value)


def test_text_that_is_not_yaml_is_refused(manifests):
    """Broken YAML is reported as such, with the file."""
    (manifests() / "toy.yaml").write_text("files: [")
    with pytest.raises(InputError, match=r"toy\.yaml: found text that is not YAML"):
        manifest.load_source("toy")


@pytest.mark.parametrize("text", ["", "just words", "- a list"])
def test_yaml_without_fields_is_refused(manifests, text):
    """An empty manifest, or one that is no mapping, is reported clearly."""
    (manifests() / "toy.yaml").write_text(text)
    with pytest.raises(InputError, match="the whole file"):
        manifest.load_source("toy")


def test_name_of_the_file_is_the_name_of_the_source(manifests):
    """A manifest under another name than its source is refused."""
    folder = manifests(source())
    (folder / "toy.yaml").rename(folder / "other.yaml")
    with pytest.raises(InputError, match="name: toy"):
        manifest.load_source("other")


def test_yaml_cannot_make_python_objects(manifests, tmp_path):
    """A manifest with a Python tag is refused and runs nothing."""
    victim = tmp_path / "ran"
    tag = f"name: !!python/object/apply:pathlib.Path.touch [!!python/name:x '{victim}']"
    (manifests() / "toy.yaml").write_text(tag)
    with pytest.raises(InputError, match="not YAML"):
        manifest.load_source("toy")
    assert not victim.exists()


def test_unknown_source_suggests_the_nearest():
    """A misspelt source name is answered with the right one."""
    with pytest.raises(InputError, match="Did you mean 'staining-profiles'"):
        manifest.load_source("staining-profile")


def test_unknown_file_suggests_the_nearest():
    """A misspelt file name is answered with the right one."""
    with pytest.raises(InputError, match=r"Did you mean 'Julich\.json'"):
        manifest.load_source("julich-brain").file("julich.json")


def test_file_of_a_package_points_to_the_package():
    """Asking for a file of the embedded data by source says how to get it."""
    with pytest.raises(InputError, match="embedded_path"):
        manifest.load_source("brainspace").file("x.gii")


def test_file_of_a_source_of_unknown_format_points_to_its_page():
    """The CytoNet model zoo has no files here, and the message names its page."""
    with pytest.raises(InputError, match=r"jugit\.fz-juelich\.de"):
        manifest.load_source("cytonet-model-zoo").file("x.h5")


def test_one_source_is_found_without_reading_the_others(manifests):
    """A damaged manifest does not keep other sources from working."""
    folder = manifests(source())
    (folder / "broken.yaml").write_text("[")
    assert manifest.load_source("toy").name == "toy"


def test_checkout():
    """In a checkout they are those of the repository."""
    assert manifest.manifest_directory() == FOLDER


def test_installed_package(tmp_path):
    """An installed copy, laid out as the wheel lays it out, finds its own manifests."""
    package = tmp_path / "site" / "cytosurf"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "cytosurf", package, ignore=ignore)
    shutil.copytree(FOLDER, package / "data" / "manifests")
    assert _found_by_installation(tmp_path) == str(package / "data" / "manifests")


def test_incomplete_installation(monkeypatch, tmp_path):
    """Without any manifests the message says that the installation is incomplete."""
    monkeypatch.setattr(manifest.resources, "files", lambda _name: tmp_path / "cytosurf")
    with pytest.raises(InputError, match="Reinstall cytosurf"):
        manifest.manifest_directory()


@pytest.mark.slow
def test_built_wheel(tmp_path):
    """A wheel built from the repository carries every manifest and reads them."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*command, "-w", str(tmp_path), str(REPOSITORY)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    installed = tmp_path / "site" / "cytosurf" / "data" / "manifests"
    assert _found_by_installation(tmp_path) == str(installed)
    assert sorted(p.name for p in installed.glob("*.yaml")) == [p.name for p in MANIFESTS]


def _found_by_installation(folder):
    """Run a new Python on the package in folder/site; return the manifests it finds."""
    code = (
        f"import sys; sys.path.insert(0, {str(folder / 'site')!r})\n"
        "from cytosurf.data import sources\n"
        "from cytosurf.data.manifest import manifest_directory\n"
        "assert 'yeo' in sources()\n"
        "print(manifest_directory())"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("family", "origins", "others"),
    [
        ("Hist", {"Amunts", "Paquola"}, {"Royer", "Margulies"}),
        ("Micro", {"Royer", "Paquola"}, {"Amunts", "Margulies"}),
        ("Func", {"Royer", "Margulies", "Paquola"}, {"Amunts"}),
    ],
)
def test_gradients_cite_what_they_were_made_from(family, origins, others):
    """Who warped a gradient is not who measured it, and each file cites its own origin."""
    source = manifest.load_source("gradients")
    files = [file for file in source.files if f"desc-{family}_G" in file.name]
    assert files
    for file in files:
        cited = {citation.partition(" ")[0] for citation in file.citations}
        assert origins <= cited
        assert not others & cited
    assert origins <= {citation.partition(" ")[0] for citation in source.citations}
