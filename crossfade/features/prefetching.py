"""Asks memory for what a kernel reads some rows later, so that it is there by then; for compiled code alone."""

from typing import Any, Final

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import impl_ret_untracked
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

# Rows: so much work hides the way to memory, and so few lines fit into the nearest cache. Kernels that do little with a row
# are sooner there, so they ask earlier.
AHEAD: Final = 16
FAR_AHEAD: Final = 32
LINE_BYTES: Final = 64  # of the cache of every processor that Crossfade runs on
_READ, _KEEP, _DATA = 0, 3, 1  # llvm.prefetch: to be read, in every cache, data


@intrinsic
def fetch(typing_context, array, row, byte):  # type: ignore[no-untyped-def]  # noqa: ARG001 (the signature is numba's)
    """Ask for the cache line at a byte of a row of an array; any row may be asked for, even one that does not exist."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        held = make_array(kinds[0])(context, builder, arguments[0])
        step = cgutils.unpack_tuple(builder, held.strides)[0]
        place = context.cast(builder, arguments[1], kinds[1], types.intp)
        offset = builder.add(
            builder.mul(place, step), context.cast(builder, arguments[2], kinds[2], types.intp)
        )
        address = cgutils.pointer_add(builder, held.data, offset, cgutils.voidptr_t)
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [address.type, number, number, number])
        asked = builder.module.declare_intrinsic("llvm.prefetch", [address.type], kind)
        builder.call(asked, [address, *(number(each) for each in (_READ, _KEEP, _DATA))])
        return impl_ret_untracked(context, builder, signature.return_type, context.get_dummy_value())

    return types.none(array, row, byte), code


@numba.njit(cache=True, nogil=True)
def fetch_row(array, row, num_bytes):  # type: ignore[no-untyped-def]
    """Ask for all lines of a row of so many bytes."""
    for byte in range(0, num_bytes, LINE_BYTES):
        fetch(array, row, byte)
