"""The main job in one call: decode a map from maps, test it with spins, write the report."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cytosurf.compute.files import atomic_path
from cytosurf.errors import InputError, unknown_name
from cytosurf.features import FeatureSet
from cytosurf.nulls import holm
from cytosurf.report import tables, write_report
from cytosurf.runs import (
    FoldConfig,
    RunConfig,
    RunRecord,
    check_writable,
    execute,
    load_run,
    make_config,
    run_map,
    write_json,
)
from cytosurf.surfaces import Parcellation, SurfaceMap
from cytosurf.targets import Target

if TYPE_CHECKING:
    import pandas as pd

Features = str | FeatureSet | SurfaceMap
TargetLike = str | Target | Parcellation

EMBEDDED_FEATURES = "microstructure"
EMBEDDED_TARGET = "schaefer400-7networks"
FAMILY = "family.json"


@dataclass(frozen=True, eq=False)
class Decoding:
    """The result of `decode`: tables as pandas data frames, maps as nilearn images.

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
        return tables.scores_table(self.record)

    @property
    def differences(self) -> pd.DataFrame:
        """Paired fold differences of each feature set to each baseline."""
        return tables.differences_table(self.record)

    @property
    def per_class(self) -> pd.DataFrame:
        """F1, precision and recall of each class, pooled over folds."""
        return tables.per_class_table(self.record)

    @property
    def spin_test(self) -> pd.DataFrame:
        """Spin tests with their p-values; empty without spins."""
        return tables.spin_test_table(self.record)

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
        lines = [f"Decoding of {self.record.results['target']}, macro-F1 (mean ± SD over folds)"]
        for name, entry in self.record.results["feature_sets"].items():
            score = entry["macro_f1"]
            lines.append(f"  {name:<32} {score['mean']:.3f} ± {score['sd']:.3f}")
        return "\n".join(lines)


def decode(
    features: Features | Sequence[Features] = EMBEDDED_FEATURES,
    target: TargetLike | Sequence[TargetLike] = EMBEDDED_TARGET,
    *,
    out: str | Path | None = None,
    baseline: str | Sequence[str] = "coordinates",
    space: str = "fsLR-32k",
    hemispheres: Sequence[str] = ("L", "R"),
    spins: int = 99,
    seed: int = 0,
    jobs: int | None = None,
    folds: FoldConfig | dict[str, Any] | None = None,
    mask: str | None = None,
    min_class_vertices: int = 1,
    C: float = 1.0,
    classifier: Any = None,
    matched_position: bool = True,
    command: str = "",
) -> Decoding | dict[str, Decoding]:
    """Decode a parcellation from feature maps, and test the result with spins.

    The published protocol is the default: superblocks of a remeshed surface in five folds,
    balanced multinomial logistic regression on features standardised within each training fold,
    and label spins of the macro-F1 difference to the coordinates, with rotations independent in
    the two hemispheres. Every other statistic quotes mirrored rotations; both are reported.

    Parameters
    ----------
    features : str, FeatureSet, SurfaceMap, or a sequence of these
        What to decode from: names (``"hist"``, ``"neighbourhood:pca32+coordinates"``, a file;
        several separated by commas) or maps in memory.
    target : str, Target, Parcellation, or a sequence of these
        What to decode. Several targets make one run each, and one family for Holm's correction.
    out : path-like, optional
        Run directory (of several targets: the folder above them). A directory that holds the
        same run is continued: spins that are there are not done again. Without it nothing is
        kept but the returned result, and no report is made.
    baseline : str or sequence of str
        Feature sets that the others are compared with.
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
    mask : str, optional
        File whose non-zero vertices alone are analysed.
    min_class_vertices : int
        Classes with fewer analysed vertices are left out.
    C : float
        Inverse strength of the penalty.
    classifier : scikit-learn classifier, optional
        Used instead of the softmax regression, in the spins too.
    matched_position : bool
        Whether position with about as many columns is decoded beside every feature set.
    command : str
        How the run was asked for, kept in ``run.json``.

    Returns
    -------
    Decoding, or dict of str to Decoding
        One target's result, or one for each of several.

    Raises
    ------
    InputError
        If an input is bad; nothing is then written.

    Examples
    --------
    >>> import cytosurf
    >>> result = cytosurf.decode("t1wt2w", spins=0)  # doctest: +SKIP
    >>> result.scores[["feature_set", "macro_f1_mean"]]  # doctest: +SKIP
    >>> result.map("prediction")  # doctest: +SKIP
    """
    feature_list = _listed(features)
    targets = _listed(target)
    set_names = [_name(f, f"features-{i + 1}") for i, f in enumerate(feature_list)]
    if len(set(set_names)) != len(set_names):
        raise InputError("features", "a name twice", "different names", "Name maps by FeatureSet.")
    options = {
        "features": set_names,
        "baseline": _listed(baseline),
        "space": space,
        "hemispheres": hemispheres,
        "spins": spins,
        "seed": seed,
        "jobs": jobs,
        "folds": folds if folds is not None else FoldConfig(),
        "mask": mask,
        "min_class_vertices": min_class_vertices,
        "C": C,
        "classifier": None if classifier is None else repr(classifier),
        "matched_position": matched_position,
    }
    names = [_name(t, "target") for t in targets]
    configs = [make_config({**options, "target": name}) for name in names]
    if out is not None:
        check_writable(Path(out))
    with tempfile.TemporaryDirectory(prefix="cytosurf-") as scratch:
        root = Path(scratch if out is None else out)
        folders = [root] if len(targets) == 1 else [root / _folder(name) for name in names]
        records = [
            execute(
                config,
                folder,
                features=feature_list,
                target=t,
                classifier=classifier,
                command=command,
            )
            for config, folder, t in zip(configs, folders, targets, strict=True)
        ]
        records = correct_family(records, root)
        if out is not None:
            for record in records:
                write_outputs(record)
    results = {name: Decoding(record) for name, record in zip(names, records, strict=True)}
    return results[names[0]] if len(targets) == 1 else results


def report(
    run_dirs: str | Path | Sequence[str | Path], *, out: str | Path | None = None
) -> list[Path]:
    """Write the report and tables of finished runs again; several runs make one family.

    Parameters
    ----------
    run_dirs : path-like or sequence of path-like
        Run directories. With more than one, p-values are corrected by Holm's method over the
        runs that share features, baseline and statistic.
    out : path-like, optional
        Folder of ``family.json``; that of the first run if left out.

    Returns
    -------
    list of Path
        The report of each run.

    Raises
    ------
    InputError
        If a directory is not a finished run.
    """
    single = isinstance(run_dirs, str | Path)
    folders = [Path(run_dirs)] if single else [Path(folder) for folder in run_dirs]  # type: ignore[arg-type,union-attr]
    records = [load_run(folder) for folder in folders]
    records = correct_family(records, Path(out) if out is not None else folders[0].parent)
    return [write_outputs(record) for record in records]


def read_options(path: str | Path) -> dict[str, Any]:
    """Read keyword arguments of `decode` from a YAML file, such as a run's ``config.yaml``.

    Raises
    ------
    InputError
        If the file cannot be read, or names an option that `decode` does not have.
    """
    import yaml

    try:
        options = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        first_line = str(error).splitlines()[0]
        raise InputError(f"--config {path}", first_line, "a readable YAML file") from None
    if not isinstance(options, dict) or not {"features", "target"} <= options.keys():
        raise InputError(f"--config {path}", "no features and target", "options of cytosurf decode")
    for name in options:
        if name not in RunConfig.model_fields:
            raise unknown_name(f"--config {path}", name, RunConfig.model_fields)
    if options.get("classifier") is not None:
        raise InputError(
            f"--config {path}",
            f"the classifier {options['classifier']}",
            "the softmax regression",
            "Other classifiers are for the Python API.",
        )
    return options


def default_folder(target: str | Sequence[str]) -> Path:
    """Return the run directory of a command that names none: ``./cytosurf-run-<target>``."""
    return Path(f"cytosurf-run-{'-'.join(_folder(name) for name in _listed(target))}")


def write_outputs(record: RunRecord) -> Path:
    """Write the tables and the report of a run into its directory; return the report's path."""
    written = {
        "scores.tsv": tables.scores_table,
        "per_class.tsv": tables.per_class_table,
        "spin_test.tsv": tables.spin_test_table,
    }
    for name, make in written.items():
        with atomic_path(record.directory / name) as path:
            make(record).to_csv(path, sep="\t", index=False, na_rep="n/a")
    return write_report(record)


def correct_family(records: list[RunRecord], directory: Path) -> list[RunRecord]:
    """Correct the p-values of several runs by Holm's method, and write ``family.json``.

    Tests of the same features, baseline, statistic and rotation make one family over the targets.
    A single run is returned as it is.

    Parameters
    ----------
    records : list of RunRecord
        Finished runs.
    directory : Path
        Where ``family.json`` goes.

    Returns
    -------
    list of RunRecord
        The same runs, with ``p_holm`` in their results and on disk.
    """
    if len(records) < 2:
        return records
    families: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    results = [dict(record.results) for record in records]
    for result in results:
        if result["spin_test"]:
            tests = [dict(test) for test in result["spin_test"]["tests"]]
            result["spin_test"] = {**result["spin_test"], "tests": tests}
            for test in tests:
                key = tuple(test[k] for k in ("features", "baseline", "statistic", "rotation"))
                families.setdefault(key, []).append(test | {"target": result["target"]})
                test["p_holm"] = None
    members = {key: family for key, family in families.items() if len(family) > 1}
    rows = []
    for key, family in members.items():
        corrected = holm([test["p"] for test in family]).tolist()
        for test, p_holm in zip(family, corrected, strict=True):
            rows.append(test | {"p_holm": p_holm})
            for result in results:
                if result["target"] == test["target"]:
                    _test_of(result, key)["p_holm"] = p_holm
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / FAMILY, {"schema": 1, "method": "Holm", "tests": rows})
    for record, result in zip(records, results, strict=True):
        write_json(record.directory / "results.json", result)
    return [load_run(record.directory) for record in records]


def _test_of(result: dict[str, Any], key: tuple[Any, ...]) -> dict[str, Any]:
    names = ("features", "baseline", "statistic", "rotation")
    return next(t for t in result["spin_test"]["tests"] if tuple(t[k] for k in names) == key)


def _listed(value: Any) -> list[Any]:
    """Return a list: names separated by commas are taken apart, a single object is wrapped."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return list(value) if isinstance(value, list | tuple) else [value]


def _name(given: Any, otherwise: str) -> str:
    if isinstance(given, str):
        return given
    return str(getattr(given, "name", otherwise))


def _folder(name: str) -> str:
    """Return a target's name as that of a folder."""
    return Path(name).name.split(".")[0].replace(":", "-").replace("{hemi}", "")
