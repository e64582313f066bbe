"""The literature that a report cites, as plain text and as BibTeX.

The methods' own references are listed here. Those of data come from the manifests, as the run
recorded them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """One publication.

    Parameters
    ----------
    key : str
        BibTeX key: first author's surname and year.
    authors : tuple of str
        ``"Surname, Initials"`` each; ``"others"`` at the end when there are more.
    year, title, journal, locator, doi : str
        `locator` is volume and pages, e.g. ``"178:540-551"``; any of these may be empty.
    """

    key: str
    authors: tuple[str, ...]
    year: str
    title: str
    journal: str = ""
    locator: str = ""
    doi: str = ""

    @property
    def label(self) -> str:
        """Citation in the text, e.g. ``"Yeo et al., 2011"``."""
        surnames = [a.split(",")[0] for a in self.authors]
        if len(surnames) == 1:
            return f"{surnames[0]}, {self.year}"
        if len(surnames) == 2 and surnames[1] != "others":
            return f"{surnames[0]} and {surnames[1]}, {self.year}"
        return f"{surnames[0]} et al., {self.year}"

    @property
    def text(self) -> str:
        """The reference in one line of plain text."""
        authors = ", ".join(a.replace(",", "") for a in self.authors if a != "others")
        if self.authors[-1] == "others":
            authors += " et al." if len(self.authors) == 2 else ", et al."
        place = " ".join(part for part in (self.journal, self.locator) if part)
        parts = [f"{authors} ({self.year}). {self.title}."]
        parts += [f"{place}."] if place else []
        parts += [f"doi:{self.doi}"] if self.doi else []
        return " ".join(parts)

    @property
    def bibtex(self) -> str:
        """The reference as a BibTeX entry of the kind that its place of publication asks for."""
        kind, place = self._bibtex_place()
        fields = {
            "author": " and ".join(self.authors),
            "title": f"{{{_escaped(self.title)}}}",
            **place,
            "year": self.year,
            "doi": self.doi,
        }
        body = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value)
        return f"@{kind}{{{self.key},\n{body}}}"

    def _bibtex_place(self) -> tuple[str, dict[str, str]]:
        """Return the kind of entry, and its fields that say where the work appeared."""
        journal = _escaped(self.journal)
        volume, colon, pages = self.locator.partition(":")
        pages = (pages if colon else self.locator).replace("-", "--")
        if self.journal == "arXiv":
            return "misc", {"eprint": self.locator, "archivePrefix": "arXiv"}
        if self.journal.startswith("Proceedings"):
            return "inproceedings", {"booktitle": journal, "pages": pages}
        if not self.locator:
            return "misc", {"howpublished": journal}
        return "article", {
            "journal": journal,
            "volume": volume if colon else "",
            "pages": pages,
        }


class Citations:
    """Collects what a text cites, in the order in which it does.

    Attributes
    ----------
    references : list of Reference
        The publications, each once.
    plain : dict of str to None
        What could not be read as a publication, each once.

    Examples
    --------
    >>> cite = Citations()
    >>> cite("Holm1979"), [r.key for r in cite.references]
    ('(Holm, 1979)', ['Holm1979'])
    """

    def __init__(self) -> None:
        self.references: list[Reference] = []
        self.plain: dict[str, None] = {}

    def __call__(self, *keys: str) -> str:
        """Cite entries of `REFERENCES`; return the brackets for the text."""
        return f"({'; '.join(self._add(REFERENCES[key]) for key in keys)})"

    def data(self, citation: str) -> str:
        """Cite a data source as its manifest does; return the label for the text."""
        found = parse_citation(citation)
        if found is not None:
            return self._add(found)
        self.plain[citation] = None
        return citation

    def _add(self, reference: Reference) -> str:
        if reference not in self.references:
            self.references.append(reference)
        return reference.label


def parse_citation(text: str) -> Reference | None:
    """Read a citation as the manifests of the data sources write it.

    Parameters
    ----------
    text : str
        ``"Authors, year, title, journal volume:pages, doi:..."``; what follows the title may be
        missing.

    Returns
    -------
    Reference or None
        None if the text does not begin with authors and a year.

    Examples
    --------
    >>> found = parse_citation("Yeo et al., 2011, The organization, J Neurophysiol 106:1125")
    >>> found.key, found.label, found.journal, found.locator
    ('Yeo2011', 'Yeo et al., 2011', 'J Neurophysiol', '106:1125')
    """
    found = _CITATION.fullmatch(text.strip())
    if not found:
        return None
    authors = tuple(re.split(r"\s+(?:&|and)\s+", found["authors"].removesuffix(" et al.")))
    if found["authors"].endswith(" et al."):
        authors += ("others",)
    title, _, journal = found["rest"].rpartition(", ")
    if not title:
        title, journal = found["rest"], ""
    place = re.fullmatch(r"(.+) (\d+:\S+)", journal)
    known = REFERENCES_BY_DOI.get(found["doi"] or "")
    return known or Reference(
        key=_key(authors[0], found["year"]),
        authors=authors,
        year=found["year"],
        title=title,
        journal=place[1] if place else journal,
        locator=place[2] if place else "",
        doi=found["doi"] or "",
    )


def _escaped(text: str) -> str:
    """Return a text with the characters that LaTeX would not print escaped."""
    return re.sub(r"([&%$#_])", r"\\\1", text)


def _key(author: str, year: str) -> str:
    """Return a BibTeX key: the letters of the surname without accents, and the year."""
    surname = unicodedata.normalize("NFKD", author.partition(",")[0])
    return f"{re.sub('[^A-Za-z]', '', surname)}{year}"


_CITATION = re.compile(
    r"(?P<authors>[^\d]+?), (?P<year>(?:1[89]|20)\d\d), (?P<rest>.+?)(?:, doi:(?P<doi>\S+))?"
)

_ENTRIES = (
    Reference(
        "Schiffer2025",
        ("Schiffer, C", "Boztoprak, Z", "Kropp, J-O", "Thönnißen, J", "others"),
        "2025",
        "CytoNet: A Foundation Model for the Human Cerebral Cortex at Cellular Resolution",
        "arXiv",
        "2511.01870",
    ),
    Reference(
        "AlexanderBloch2018",
        ("Alexander-Bloch, AF", "Shou, H", "Liu, S", "Satterthwaite, TD", "others"),
        "2018",
        "On testing for spatial correspondence between maps of human brain structure and function",
        "NeuroImage",
        "178:540-551",
        "10.1016/j.neuroimage.2018.05.070",
    ),
    Reference(
        "Pedregosa2011",
        ("Pedregosa, F", "Varoquaux, G", "Gramfort, A", "Michel, V", "others"),
        "2011",
        "Scikit-learn: Machine learning in Python",
        "Journal of Machine Learning Research",
        "12:2825-2830",
    ),
    Reference(
        "Phipson2010",
        ("Phipson, B", "Smyth, GK"),
        "2010",
        "Permutation P-values should never be zero: calculating exact P-values when permutations "
        "are randomly drawn",
        "Statistical Applications in Genetics and Molecular Biology",
        "9:39",
        "10.2202/1544-6115.1585",
    ),
    Reference(
        "Clopper1934",
        ("Clopper, CJ", "Pearson, ES"),
        "1934",
        "The use of confidence or fiducial limits illustrated in the case of the binomial",
        "Biometrika",
        "26:404-413",
        "10.1093/biomet/26.4.404",
    ),
    Reference(
        "Holm1979",
        ("Holm, S",),
        "1979",
        "A simple sequentially rejective multiple test procedure",
        "Scandinavian Journal of Statistics",
        "6:65-70",
    ),
    Reference(
        "Benjamini1995",
        ("Benjamini, Y", "Hochberg, Y"),
        "1995",
        "Controlling the false discovery rate: a practical and powerful approach to multiple "
        "testing",
        "Journal of the Royal Statistical Society B",
        "57:289-300",
        "10.1111/j.2517-6161.1995.tb02031.x",
    ),
    Reference(
        "Besag1991",
        ("Besag, J", "Clifford, P"),
        "1991",
        "Sequential Monte Carlo p-values",
        "Biometrika",
        "78:301-304",
        "10.1093/biomet/78.2.301",
    ),
    Reference(
        "Nichols2002",
        ("Nichols, TE", "Holmes, AP"),
        "2002",
        "Nonparametric permutation tests for functional neuroimaging: a primer with examples",
        "Human Brain Mapping",
        "15:1-25",
        "10.1002/hbm.1058",
    ),
    Reference(
        "Knijnenburg2009",
        ("Knijnenburg, TA", "Wessels, LFA", "Reinders, MJT", "Shmulevich, I"),
        "2009",
        "Fewer permutations, more accurate P-values",
        "Bioinformatics",
        "25:i161-i168",
        "10.1093/bioinformatics/btp211",
    ),
    Reference(
        "Botsch2004",
        ("Botsch, M", "Kobbelt, L"),
        "2004",
        "A remeshing approach to multiresolution modeling",
        "Proceedings of the Eurographics Symposium on Geometry Processing",
        "185-192",
        "10.1145/1057432.1057457",
    ),
    Reference(
        "VanEssen2012",
        ("Van Essen, DC", "Glasser, MF", "Dierker, DL", "Harwell, J", "Coalson, T"),
        "2012",
        "Parcellations and hemispheric asymmetries of human cerebral cortex analyzed on "
        "surface-based atlases",
        "Cerebral Cortex",
        "22:2241-2262",
        "10.1093/cercor/bhr291",
    ),
)

REFERENCES = {entry.key: entry for entry in _ENTRIES}
REFERENCES_BY_DOI = {entry.doi: entry for entry in _ENTRIES if entry.doi}
