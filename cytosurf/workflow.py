"""The main job in one call: decode a map from maps, test it with spins, write the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cytosurf.compute.lock import locked
from cytosurf.errors import InputError
from cytosurf.runs import (
    FoldConfig,
    RunRecord,
    check_writable,
    complete,
    correct_family,
    family_members,
    prepare,
    read_json,
    regain_family,
    run_map,
)
from cytosurf.runs import load_run as read_run
from cytosurf.runs.extend import check_can_retest, retest
from cytosurf.runs.family import FAMILY, read_members, results_locked
from cytosurf.runs.folders import check_not_above_runs, folder_or_scratch, run_directories
from cytosurf.runs.inputs import Features, TargetLike
from cytosurf.runs.names import folder_name, listed, names_of
from cytosurf.runs.options import config_of
from cytosurf.runs.record import RESULTS

if TYPE_CHECKING:
    import pandas as pd

    from cytosurf.decoding.torch_device import Device

EMBEDDED_FEATURES = "microstructure"
EMBEDDED_TARGET = "schaefer400-7networks"


@dataclass(frozen=True, eq=False)
class Decoding:
    """The result of `decode` or `load_run`: tables as pandas data frames, maps as nilearn images.

    Attributes
    ----------
    record : RunRecord
        Everything in the run directory, as arrays and dictionaries.
    """

    record: RunRecord

    @property
    def directory(self) -> Path:
        """The run directory (gone already where `decode` was not given one)."""
        return self.record.directory

    @property
    def scores(self) -> pd.DataFrame:
        """Scores of each feature set, baselines and the prior-only reference."""
        from cytosurf.report import scores_table

        return scores_table(self.record)

    @property
    def differences(self) -> pd.DataFrame:
        """Paired fold differences of each feature set to each baseline."""
        from cytosurf.report import differences_table

        return differences_table(self.record)

    @property
    def per_class(self) -> pd.DataFrame:
        """F1, precision and recall of each class, pooled over folds."""
        from cytosurf.report import per_class_table

        return per_class_table(self.record)

    @property
    def spin_test(self) -> pd.DataFrame:
        """Spin tests with their p-values; empty without spins."""
        from cytosurf.report import spin_test_table

        return spin_test_table(self.record)

    @property
    def class_tests(self) -> pd.DataFrame:
        """F1 of each class beside its null, with p-values over the classes; empty without spins."""
        from cytosurf.report import class_tests_table

        return class_tests_table(self.record)

    @property
    def increment_tests(self) -> pd.DataFrame:
        """Increment tests of the run; empty before `cytosurf.increment`."""
        from cytosurf.report import increment_table

        return increment_table(self.record)

    @property
    def feature_tests(self) -> pd.DataFrame:
        """Tests of features alone, by draws of them; empty before `cytosurf.increment`."""
        from cytosurf.report import feature_table

        return feature_table(self.record)

    def map(self, kind: str, features: str | None = None) -> Any:
        """Return a map of the run as a `nilearn.surface.SurfaceImage`.

        Parameters
        ----------
        kind : {"truth", "prediction", "correct", "fold", "entropy"}
            Which map.
        features : str, optional
            Feature set of a prediction and what follows from it; the first if left out.
        """
        return run_map(self.record, kind, features).to_nilearn()

    def __repr__(self) -> str:
        from cytosurf.report.formatting import mean_sd, n_tested, over_folds

        sets = self.record.results["feature_sets"]
        n_folds = max(n_tested(entry["macro_f1"]["folds"]) for entry in sets.values())
        lines = [f"Decoding of {self.record.results['target']}, macro-F1 ({over_folds(n_folds)})"]
        for name, entry in sets.items():
            score = entry["macro_f1"]
            lines.append(f"  {name:<32} {mean_sd(score['mean'], score['sd'], n_folds)}")
        return "\n".join(lines)


def decode(
    features: Features | Path | Sequence[Features | Path] = EMBEDDED_FEATURES,
    target: TargetLike | Path | Sequence[TargetLike | Path] = EMBEDDED_TARGET,
    *,
    out: str | Path | None = None,
    baseline: str | Sequence[str] | None = None,
    space: str = "fsLR-32k",
    hemispheres: Sequence[str] = ("L", "R"),
    spins: int = 99,
    seed: int = 0,
    jobs: int | None = None,
    folds: FoldConfig | dict[str, Any] | None = None,
    mask: str | Path | None = None,
    min_class_vertices: int = 1,
    C: float = 1.0,
    device: Device = "cpu",
    classifier: Any = None,
    matched_position: bool = True,
    rotation: str = "both",
    stop_after_exceedances: int | None = None,
    statistics: str | Sequence[str] = (),
    approximate_tail: bool = False,
    max_distortion: float | None = None,
    command: str = "",
) -> Decoding | dict[str, Decoding]:
    """Decode a parcellation from feature maps, and test the result with spins.

    The published protocol is the default: superblocks of a remeshed surface in five folds,
    balanced multinomial logistic regression on features standardised within each training fold,
    and label spins of the macro-F1 difference to the coordinates, with rotations independent in
    the two hemispheres. Every other statistic quotes mirrored rotations; both are reported.

    Parameters
    ----------
    features : str, Path, FeatureSet, SurfaceMap, or a sequence of these
        What to decode from: names (``"hist"``, ``"neighbourhood:pca32+coordinates"``, a file;
        several separated by commas) or maps in memory.
    target : str, Path, Target, Parcellation, or a sequence of these
        What to decode. Several targets make one run each, and one family for Holm's correction.
    out : path-like, optional
        Run directory (of several targets: the folder above them). A directory that holds the
        same run is continued: spins that are there are not done again, and all are used, even if
        fewer are asked for; a family that the run is in is corrected again. Without it nothing is
        kept but the returned result, and no report is made.
    baseline : str or sequence of str, optional
        Feature sets that the others are compared with; ``coordinates`` if left out, and
        ``coordinates:mirrored`` where one hemisphere is trained on and the other tested.
    space : str
        Space of the analysis.
    hemispheres : sequence of str
        ``("L", "R")`` or one of them.
    spins : int
        Number of spins for each rotation policy; 0 for none.
    seed : int
        Seed of superblocks, folds, bootstrap and spins.
    jobs : int, optional
        Processes; all cores if left out.
    folds : FoldConfig or dict, optional
        Options of the cross-validation, e.g. ``{"scheme": "homotopic", "buffer_mm": 5}``.
    mask : path-like, optional
        File whose non-zero vertices alone are analysed.
    min_class_vertices : int
        Classes with fewer analysed vertices are left out.
    C : float
        Inverse strength of the penalty.
    device : {"cpu", "cuda", "torch-cpu"}
        Where refits are done: by compiled code on the processor, or many spins at once in torch on
        a GPU (``"cuda"``). Scores are the same within the tolerance of the solver.
    classifier : scikit-learn classifier, optional
        Used instead of the softmax regression, in the spins too.
    matched_position : bool
        Whether position with about as many columns is decoded beside every feature set.
    rotation : {"both", "independent", "mirrored"}
        How the hemispheres turn: both policies one after the other, or one of them in half the
        time. Independent rotations give a score on its own far too small a p where labels and
        features are alike left and right; they are published for differences to a position.
    stop_after_exceedances : int, optional
        End the spins once the differences to the baselines have this many exceedances (Besag and
        Clifford's rule; 20 is usual). `spins` is then the largest number.
    statistics : str or sequence of str, optional
        Statistics to test besides macro-F1, e.g. ``"mcc"`` or ``"f1:CLASS"``; see
        `cytosurf.nulls.statistic_named`. They can also be asked for later: `write_reports`.
    approximate_tail : bool, optional
        Add an approximate p from a generalised Pareto tail where few spins exceed.
    max_distortion : float, optional
        Leave spins out of every test that change distances along the cortex by more than this
        share on average; ``spin_quality.tsv`` of a run has the value of each spin. Increment tests
        of the run leave out the same spins.
    command : str
        How the run was asked for, kept in ``run.json``.

    Returns
    -------
    Decoding, or dict of str to Decoding
        One target's result, or one for each of several.

    Raises
    ------
    InputError
        If an input of any target is bad; nothing is then written.

    Examples
    --------
    >>> import cytosurf
    >>> result = cytosurf.decode("t1wt2w", spins=0)  # doctest: +SKIP
    >>> result.scores[["features", "macro_f1_mean"]]  # doctest: +SKIP
    >>> result.map("prediction")  # doctest: +SKIP
    """
    feature_list, targets = listed(features), listed(target)
    names = names_of("target", targets)
    feature_names = names_of("features", feature_list)
    options = {
        "baseline": baseline,
        "space": space,
        "hemispheres": hemispheres,
        "spins": spins,
        "seed": seed,
        "jobs": jobs,
        "folds": folds,
        "mask": mask,
        "min_class_vertices": min_class_vertices,
        "C": C,
        "device": device,
        "classifier": None if classifier is None else repr(classifier),
        "matched_position": matched_position,
        "rotation": rotation,
        "stop_after_exceedances": stop_after_exceedances,
        "statistics": statistics,
        "approximate_tail": approximate_tail,
        "max_distortion": max_distortion,
    }
    configs = [config_of(feature_names, name, **options) for name in names]
    with folder_or_scratch(out) as root:
        folders = run_directories(root, names)
        prepared = prepare(configs, folders, features=feature_list, targets=targets)
        records = [complete(run, classifier=classifier, command=command) for run in prepared]
        records, others = correct(records, root)
        if out is not None:
            write_pages([*records, *others])
    results = {name: Decoding(record) for name, record in zip(names, records, strict=True)}
    return results[names[0]] if len(names) == 1 else results


def load_run(directory: str | Path) -> Decoding:
    """Read a finished run again: the same as `decode` returned.

    Parameters
    ----------
    directory : path-like
        A run directory.

    Returns
    -------
    Decoding
        Tables, spin tests and maps of the run.

    Raises
    ------
    InputError
        If the directory is not a finished run, or a file of it is damaged.

    Examples
    --------
    >>> import cytosurf
    >>> result = cytosurf.load_run("my-first-run")  # doctest: +SKIP
    >>> result.scores  # doctest: +SKIP
    """
    return Decoding(read_run(directory))


def write_reports(
    run_dirs: str | Path | Sequence[str | Path],
    *,
    out: str | Path | None = None,
    statistics: str | Sequence[str] = (),
    approximate_tail: bool = False,
) -> list[Path]:
    """Write the report and tables of finished runs again; several runs make one family.

    Parameters
    ----------
    run_dirs : path-like or sequence of path-like
        Run directories. With more than one, p-values are corrected by Holm's method over the
        runs that share features, baseline and statistic.
    out : path-like, optional
        Folder of ``family.json``; that of the first run if left out.
    statistics : str or sequence of str, optional
        Statistics to test besides macro-F1 with the spins that are there, e.g. ``"mcc"`` or
        ``"f1:CLASS"``; see `cytosurf.nulls.statistic_named`. The runs keep them.
    approximate_tail : bool, optional
        Add an approximate p from a generalised Pareto tail where few spins exceed. It replaces no
        p.

    Returns
    -------
    list of Path
        The report of each run, and ``family.json`` where several runs were given.

    Raises
    ------
    InputError
        If a directory is not a finished run, is given twice, or cannot be written; if there is no
        such statistic, a run that is asked for it has no spins, or another process works on a run
        whose results would change.
    """
    given = [run_dirs] if isinstance(run_dirs, str | Path) else list(run_dirs)
    for folder in given:
        check_not_above_runs(Path(folder))
    folders = [Path(folder).resolve() for folder in given]
    if not folders or len(set(folders)) != len(folders):
        raise InputError("run directories", "none, or one twice", "different run directories")
    records = [read_run(folder) for folder in given]
    names, asked = listed(statistics), bool(statistics) or approximate_tail
    if asked:
        for record in records:
            check_can_retest(record, names)
    beside = Path(out) if out is not None else folders[0].parent
    for folder in (*folders, beside) if len(folders) > 1 else folders:
        check_writable(folder)
    others: list[RunRecord] = []
    # Alone, a report changes no result, and may be written while spins go on.
    if asked or len(records) > 1:
        with ExitStack() as locks:
            for folder in folders:
                locks.enter_context(locked(folder))
            if asked:
                records = [retest(Path(f), names, approximate_tail=approximate_tail) for f in given]
            records, others = correct(records, beside)
    pages = write_pages([*records, *others])
    family = beside / FAMILY
    written = [family] if len(records) > 1 and family.exists() else []
    return pages[: len(records)] + written


def default_folder(target: str | Sequence[str], kind: str = "run") -> Path:
    """Return the folder of a command that names none: ``./cytosurf-run-<target>``."""
    return Path(f"cytosurf-{kind}-{'-'.join(folder_name(name) for name in listed(target))}")


def correct(records: list[RunRecord], folder: Path) -> tuple[list[RunRecord], list[RunRecord]]:
    """Return runs with their p-values corrected, and other runs whose corrected ones changed.

    A single run is corrected with the family that it was in before, if any.
    """
    if len(records) == 1:
        own, *others = regain_family(records[0])
        return [own], others
    ours = {record.directory.resolve() for record in records}
    former = {member for record in records for member in family_members(record.directory)}
    corrected = correct_family(records, folder)
    return corrected, read_members(sorted(former - ours))


def write_pages(records: Iterable[RunRecord]) -> list[Path]:
    """Write tables and reports of runs; return the reports.

    A run that another process has changed since it was read, as it may of a family, is read again.
    """
    from cytosurf.report.outputs import write_outputs

    pages = []
    for record in records:
        with results_locked([record.directory]):
            unchanged = read_json(record.directory / RESULTS) == record.results
            pages.append(write_outputs(record if unchanged else read_run(record.directory)))
    return pages
