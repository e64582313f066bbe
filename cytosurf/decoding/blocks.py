"""The two matrix products of the softmax regression, as register blocks of explicit vectors.

Compilers vectorise one loop well but do not keep a block of sums in registers. Here the block is
written out: four classes by four vectors of slots for the logits, four classes by four features
for the gradient, 16 float32 to a vector. Each loaded value is used four times, so that arithmetic,
not loads, is the limit (measured on one core of 110 GFLOP/s, 32 features: 90 for the logits, 58 to
75 for the gradient; the loops before, 37 to 46 for a whole pass).

The last classes, where they are no multiple of four, go in a block with as many rows; of features
the last one is done repeatedly, with the same outcome. Processors with shorter vectors do each
vector in parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

TILE = 512
LANES = 16
BLOCK = 4

_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_LANE = ir.IntType(32)
_INT = ir.IntType(64)
_CONTRACT = ("contract",)  # a multiplication and an addition may be one instruction


def _pointers(context: Any, builder: Any, signature: Any, arguments: Any, n: int) -> list[Any]:
    """Return where the data of the first `n` arguments, all C-contiguous arrays, begin."""
    return [
        context.make_array(t)(context, builder, a).data
        for t, a in zip(signature.args[:n], arguments[:n], strict=True)
    ]


def _at(builder: Any, pointer: Any, index: Any) -> Any:
    """Return the address of the vector that begins `index` numbers after `pointer`."""
    return builder.bitcast(builder.gep(pointer, [index]), _VECTOR.as_pointer())


def _load(builder: Any, pointer: Any, index: Any) -> Any:
    """Load a vector."""
    return builder.load(_at(builder, pointer, index), align=4)


def _spread(builder: Any, number: Any) -> Any:
    """Return a vector with `number` in every lane."""
    empty = ir.Constant(_VECTOR, ir.Undefined)
    lanes = ir.Constant(ir.VectorType(_LANE, LANES), [0] * LANES)
    return builder.shuffle_vector(builder.insert_element(empty, number, _LANE(0)), empty, lanes)


def _add_product(builder: Any, total: Any, a: Any, b: Any) -> None:
    """Add `a` times `b` to the vector at `total`."""
    product = builder.fmul(a, b, flags=_CONTRACT)
    builder.store(builder.fadd(builder.load(total), product, flags=_CONTRACT), total)


def _up_to_last(builder: Any, first: Any, n: Any) -> list[Any]:
    """Return the `BLOCK` indices from `first`, the last of `n` in place of any beyond."""
    last = builder.sub(n, _INT(1))
    indices = [builder.add(first, _INT(i)) for i in range(BLOCK)]
    return [builder.select(builder.icmp_signed("<", i, last), i, last) for i in indices]


def _registers(builder: Any, rows: int) -> list[list[Any]]:
    """Return a block of vectors that the compiler will keep in registers."""
    return [[cgutils.alloca_once(builder, _VECTOR) for _ in range(BLOCK)] for _ in range(rows)]


def _row_counts(builder: Any, k: Any, n_classes: Any) -> Iterator[tuple[int, list[Any]]]:
    """Enter a branch for every number of classes a block can have from `k`; yield them."""
    left = builder.sub(n_classes, k)
    for rows in range(1, BLOCK + 1):
        taken = builder.icmp_signed(">=" if rows == BLOCK else "==", left, _INT(rows))
        with builder.if_then(taken):
            yield rows, [builder.add(k, _INT(i)) for i in range(rows)]


@intrinsic
def logits_block(
    typing_context: Any,  # noqa: ARG001
    x: Any,
    coefficients: Any,
    intercepts: Any,
    z: Any,
    k: Any,
    n_classes: Any,
    n_features: Any,
) -> Any:
    """Fill rows k to k + 3, if there, of ``z (K, TILE)``: the logits of ``x (p, TILE)``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, c, c0, z = _pointers(context, builder, signature, arguments, 4)
        k, n_classes, n_features = arguments[4:]
        for rows, classes in _row_counts(builder, k, n_classes):
            firsts = [builder.gep(c, [builder.mul(i, n_features)]) for i in classes]
            sums = _registers(builder, rows)
            slots = cgutils.for_range_slice(
                builder, _INT(0), _INT(TILE), _INT(BLOCK * LANES), intp=_INT
            )
            with slots as (t, _):
                for m in range(rows):
                    start = _spread(builder, builder.load(builder.gep(c0, [classes[m]])))
                    for v in range(BLOCK):
                        builder.store(start, sums[m][v])
                with cgutils.for_range(builder, n_features, intp=_INT) as loop:
                    begin = builder.add(builder.mul(loop.index, _INT(TILE)), t)
                    values = [
                        _load(builder, x, builder.add(begin, _INT(v * LANES))) for v in range(BLOCK)
                    ]
                    for m in range(rows):
                        factor = _spread(
                            builder, builder.load(builder.gep(firsts[m], [loop.index]))
                        )
                        for v in range(BLOCK):
                            _add_product(builder, sums[m][v], factor, values[v])
                for m in range(rows):
                    begin = builder.add(builder.mul(classes[m], _INT(TILE)), t)
                    for v in range(BLOCK):
                        to = _at(builder, z, builder.add(begin, _INT(v * LANES)))
                        builder.store(builder.load(sums[m][v]), to, align=4)
        return context.get_dummy_value()

    return types.void(x, coefficients, intercepts, z, k, n_classes, n_features), generate


@intrinsic
def products_block(
    typing_context: Any,  # noqa: ARG001
    x: Any,
    z: Any,
    sums: Any,
    k: Any,
    j: Any,
    n_classes: Any,
    n_features: Any,
) -> Any:
    """Add ``z[k] * x[j]`` to ``sums[k, j] (LANES,)`` for a block of classes and features."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, z, out = _pointers(context, builder, signature, arguments, 3)
        k, j, n_classes, n_features = arguments[3:]
        features = _up_to_last(builder, j, n_features)
        x_rows = [builder.gep(x, [builder.mul(i, _INT(TILE))]) for i in features]
        for rows, classes in _row_counts(builder, k, n_classes):
            z_rows = [builder.gep(z, [builder.mul(i, _INT(TILE))]) for i in classes]
            firsts = [builder.mul(i, n_features) for i in classes]
            places = [
                [_at(builder, out, builder.mul(builder.add(f, i), _INT(LANES))) for i in features]
                for f in firsts
            ]
            block = _registers(builder, rows)
            for m in range(rows):
                for v in range(BLOCK):
                    builder.store(builder.load(places[m][v], align=4), block[m][v])
            slots = cgutils.for_range_slice(builder, _INT(0), _INT(TILE), _INT(LANES), intp=_INT)
            with slots as (t, _):
                values = [_load(builder, row, t) for row in x_rows]
                for m in range(rows):
                    factor = _load(builder, z_rows[m], t)
                    for v in range(BLOCK):
                        _add_product(builder, block[m][v], factor, values[v])
            for m in range(rows):
                for v in range(BLOCK):
                    builder.store(builder.load(block[m][v]), places[m][v], align=4)
        return context.get_dummy_value()

    return types.void(x, z, sums, k, j, n_classes, n_features), generate
