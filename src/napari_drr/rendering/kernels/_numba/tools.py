"""What compiled loops need beyond Python: arrays on the stack, prefetches, one way to compile.

LLVM turns a loop into vector instructions only where it can prove that the arrays in it do not
overlap. It can for arrays on the stack, and hardly ever for NumPy's.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# No fast math: positions round as the reference's do, so that a sample exactly between two voxels
# goes to the same one (rays from face to face have many such samples).
OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy"}
INLINE: dict[str, Any] = OPTIONS | {"inline": "always"}

Loop = Callable[..., None]

CACHE_LINE = 64


def _stack_array(element: types.Number, llvm_type: ir.Type) -> Any:
    """Return an intrinsic `f(n)`: an uninitialized array of n elements in the caller's frame."""
    array_type = types.Array(element, 1, "C")
    size = element.bitwidth // 8

    @intrinsic(prefer_literal=True)
    def allocate(typing_context, n):
        count = n.literal_value

        def generate(context, builder, signature, args):
            buffer = cgutils.alloca_once(builder, ir.ArrayType(llvm_type, count))
            buffer.align = CACHE_LINE
            array = context.make_array(array_type)(context, builder)
            context.populate_array(
                array,
                data=builder.bitcast(buffer, llvm_type.as_pointer()),
                shape=[context.get_constant(types.intp, count)],
                strides=[context.get_constant(types.intp, size)],
                itemsize=context.get_constant(types.intp, size),
                meminfo=None,
            )
            return array._getvalue()

        return array_type(n), generate

    return allocate


stack_float32 = _stack_array(types.float32, ir.FloatType())
stack_int32 = _stack_array(types.int32, ir.IntType(32))


@intrinsic
def prefetch(typing_context, array, index):
    """Ask for `array[index]` before it is needed; an index beyond the array does no harm."""
    signature = types.void(array, index)

    def generate(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        address = builder.bitcast(builder.gep(data, [args[1]]), byte)
        function_type = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(
            builder.module, function_type, "llvm.prefetch.p0i8"
        )
        read, keep_near, data_cache = (ir.Constant(number, value) for value in (0, 3, 1))
        builder.call(function, [address, read, keep_near, data_cache])
        return context.get_dummy_value()

    return signature, generate
