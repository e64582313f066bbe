"""The licence notice of a source, shown once: before its first file arrives in the cache."""

from __future__ import annotations

from cytosurf.data.cache import location
from cytosurf.data.manifest import Source


def licence_notice(source: Source) -> str:
    """Return what a user must know before using a source, as plain text.

    Files with terms of their own are counted under them.
    """
    terms: dict[tuple[str, bool | None], int] = {(source.licence, source.commercial_use): 0}
    for file in source.files:
        key = (file.licence, file.commercial_use)
        terms[key] = terms.get(key, 0) + 1
    lines = [f"{source.name}: {source.title} ({source.homepage})"]
    for (licence, commercial), count in terms.items():
        scope = f" ({count} of {len(source.files)} files)" if len(terms) > 1 else ""
        lines.append(f"  Licence{scope}: {licence}.")
        lines.append(f"  Commercial use: {commercial_use_in_words(commercial)}.")
    lines += [f"  Please cite: {citation}" for citation in source.citations]
    return "\n".join(lines)


def commercial_use_in_words(allowed: bool | None) -> str:
    """Say whether commercial use is allowed; None is unknown."""
    if allowed is None:
        return "not known; ask the authors"
    return "allowed" if allowed else "not allowed"


def announce(source: Source) -> None:
    """Print the notice of a source to standard error, unless one of its files is there already."""
    if any(location(source.name, file.name).exists() for file in source.files):
        return
    from rich.console import Console

    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(
        licence_notice(source)
    )
