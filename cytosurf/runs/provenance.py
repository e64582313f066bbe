"""What a run was made with: versions, machine, data sources and their terms."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cytosurf import data
from cytosurf.compute.files import file_sha256
from cytosurf.compute.versions import TO_THE_BIT, installed_versions
from cytosurf.connectors.fetched import CONNECTED
from cytosurf.runs.device import device_facts

PACKAGES = ("cytosurf", "numpy", "scipy", "numba", "scikit-learn", "nibabel", "nilearn")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on."""
    return installed_versions(PACKAGES)


def machine() -> dict[str, Any]:
    """Return processor, number of cores and platform."""
    return {"cpu": _processor(), "cores": os.cpu_count(), "platform": platform.platform()}


def made_with(device: str) -> dict[str, Any]:
    """Return what last bits of a spin depend on, under the keys of ``run.json``.

    Parameters
    ----------
    device : {"cpu", "cuda", "torch-cpu"}
        Where refits are done.
    """
    machine = {"cpu": _processor()} | device_facts(device)
    return {"versions": installed_versions(TO_THE_BIT), "machine": machine}


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, str]:
    """Say in what two sessions differ that last bits depend on, as far as both are known.

    Parameters
    ----------
    one, other : mapping
        ``run.json``, the note of a shard, or what `made_with` returns.

    Returns
    -------
    tuple of str
        What each of them was made with; empty if there is no difference.

    Examples
    --------
    >>> differences({"versions": {"numpy": "2.1.0"}}, {"versions": {"numpy": "2.2.0"}})
    ('numpy 2.1.0', 'numpy 2.2.0')
    """
    facts = [info.get("versions", {}) | info.get("machine", {}) for info in (one, other)]
    names = {name: name for name in (*TO_THE_BIT, "torch")} | {"cpu": "processor", "device": "on"}
    known = [key for key in names if all(key in of for of in facts)]
    different = [key for key in known if facts[0][key] != facts[1][key]]
    first, second = (" and ".join(f"{names[key]} {of[key]}" for key in different) for of in facts)
    return first, second


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def source_terms(names: Iterable[str]) -> list[dict[str, Any]]:
    """Return title, licence and citations of each data source, each once.

    Parameters
    ----------
    names : iterable of str
        Names of manifests, ``"file:<path>"`` for a user's file, or what another package fetched.
    """
    known = data.sources()
    terms = []
    for name in dict.fromkeys(names):
        if name in known:
            source = known[name]
            terms.append(
                {
                    "name": name,
                    "title": source.title,
                    "licence": source.licence,
                    "commercial_use": source.commercial_use,
                    "citations": list(source.citations),
                    "homepage": str(source.homepage),
                }
            )
        else:
            fetched = name.partition(" ")[0] in CONNECTED
            terms.append(
                {
                    "name": name,
                    "title": name.removeprefix("file:"),
                    "licence": "not known here; see the source" if fetched else "the user's own",
                    "commercial_use": None,
                    "citations": [],
                    "homepage": "",
                }
            )
    return terms


def file_hashes(names: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of the user's files among the sources."""
    paths = [Path(n.removeprefix("file:")) for n in names if n.startswith("file:")]
    return {str(path): file_sha256(path) for path in paths if path.is_file()}
