"""JSON schemas of the benchmarks' outcomes: what scripts may rely on."""

NUMBER, TEXT, WHOLE = {"type": "number"}, {"type": "string"}, {"type": "integer", "minimum": 0}
TEXTS = {"type": "array", "items": TEXT}


def either(kind):
    """Return the schema of something that may be missing."""
    return {"anyOf": [kind, {"type": "null"}]}


def fields(**properties):
    """Return the schema of an object with exactly these fields."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


CONDITIONS = fields(
    date=TEXT,
    cpu=TEXT,
    cores=WHOLE,
    load=either({"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}),
    versions={"type": "object", "additionalProperties": TEXT},
)
POLICY = {"enum": ["independent", "mirrored"]}
TIMING = fields(
    name=TEXT,
    policy=POLICY,
    installed={"type": "boolean"},
    ms_per_spin=either(NUMBER),
    ratio=either(NUMBER),
    n_different=either(WHOLE),
)
COST = fields(
    name=TEXT,
    processes=WHOLE,
    n_spins=WHOLE,
    cpu_ms_mean=NUMBER,
    cpu_ms_median=NUMBER,
    spins_per_s=NUMBER,
    first_spin_cpu_s=NUMBER,
)
ACCURACY = fields(
    features=TEXT,
    n_features=WHOLE,
    n_fits=WHOLE,
    f1_mean=NUMBER,
    f1_max=NUMBER,
    n_tested=WHOLE,
    n_different=WHOLE,
    equal=NUMBER,
    gap_max=NUMBER,
    n_unconverged=WHOLE,
    n_reference_unconverged=WHOLE,
    cpu_ms=NUMBER,
    reference_cpu_ms=NUMBER,
)


def outcome(bench, **properties):
    """Return the schema of the outcome of one benchmark."""
    heads = {"schema": {"const": 1}, "bench": {"const": bench}}
    return fields(**heads, **properties, conditions=CONDITIONS, failures=TEXTS)


ASSIGN = outcome(
    "assign",
    space=TEXT,
    n_vertices=WHOLE,
    n_spins=WHOLE,
    seed=WHOLE,
    timings={"type": "array", "items": TIMING},
)
DECODER = outcome(
    "decoder",
    target=TEXT,
    n_vertices=WHOLE,
    n_classes=WHOLE,
    n_folds=WHOLE,
    n_spins=WHOLE,
    seed=WHOLE,
    sets={"type": "array", "items": ACCURACY, "minItems": 1},
    tolerances=fields(mean_f1=NUMBER, max_f1=NUMBER, equal=NUMBER, gap=NUMBER),
)
SCALING = outcome(
    "scaling",
    target=TEXT,
    feature_sets={"type": "object", "additionalProperties": WHOLE},
    n_classes=WHOLE,
    n_spins=WHOLE,
    n_files=WHOLE,
    processes=WHOLE,
    seed=WHOLE,
    start_s=NUMBER,
    spins_per_s=NUMBER,
    single_spins_per_s=NUMBER,
    speedup=NUMBER,
    spin_cpu_ms=NUMBER,
    split_cpu_ms=NUMBER,
    write_cpu_ms=NUMBER,
    merge_cpu_ms=NUMBER,
    overhead=NUMBER,
    same_spins={"type": "boolean"},
)
SPINS = outcome(
    "spins",
    target=TEXT,
    feature_sets={"type": "object", "additionalProperties": WHOLE},
    n_vertices=WHOLE,
    n_classes=WHOLE,
    n_folds=WHOLE,
    seed=WHOLE,
    ours=COST,
    single=either(COST),
    peer=either(COST),
    beside_peer=either(COST),
    ratio=either(NUMBER),
    score_difference=either(NUMBER),
    same_scores={"type": "boolean"},
    start_cpu_s=either(NUMBER),
    scaling_wall=either(NUMBER),
    scaling_cpu=either(NUMBER),
    seconds_10000=NUMBER,
    seconds_10000_free=NUMBER,
    peak_memory_mb=either(NUMBER),
)
EMBEDDING = outcome(
    "embedding",
    n_points=WHOLE,
    n_features=WHOLE,
    n_components=WHOLE,
    seed=WHOLE,
    target=TEXT,
    n_vertices=WHOLE,
    table_mb=NUMBER,
    generate_cpu_s=NUMBER,
    assign_cpu_s=NUMBER,
    assign_wall_s=NUMBER,
    resample_cpu_s=NUMBER,
    resample_wall_s=NUMBER,
    read_cpu_s=NUMBER,
    read_wall_s=NUMBER,
    products_cpu_s=NUMBER,
    peak_memory_mb=either(NUMBER),
    n_checked=WHOLE,
    n_different=WHOLE,
)
COMPARISON = fields(
    source=TEXT,
    target=TEXT,
    method=TEXT,
    masked={"type": "boolean"},
    n_vertices=WHOLE,
    p999_sd=NUMBER,
    largest_sd=NUMBER,
    n_above=WHOLE,
    causes={"type": "object", "additionalProperties": WHOLE},
    n_reached=WHOLE,
    n_labels=WHOLE,
    n_ties=WHOLE,
)
PARITY = outcome(
    "parity",
    workbench=TEXT,
    hemisphere=TEXT,
    comparisons={"type": "array", "items": COMPARISON},
)
SECONDS = fields(wall_s=NUMBER, cpu_s=NUMBER)
RESAMPLE = outcome(
    "resample",
    workbench=TEXT,
    source=TEXT,
    target=TEXT,
    method=TEXT,
    import_s=NUMBER,
    weights_s=NUMBER,
    timings={
        "type": "array",
        "items": fields(
            work=TEXT,
            n_maps=WHOLE,
            ours=SECONDS,
            peer=SECONDS,
            wall_ratio=NUMBER,
            cpu_ratio=NUMBER,
            least=NUMBER,
        ),
    },
)
OF = {
    "assign": ASSIGN,
    "decoder": DECODER,
    "embedding": EMBEDDING,
    "parity": PARITY,
    "resample": RESAMPLE,
    "scaling": SCALING,
    "spins": SPINS,
}
