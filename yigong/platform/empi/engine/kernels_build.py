"""Compiles every kernel to object code: ``python -m yigong.platform.empi.engine.kernels_build FOLDER``."""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from yigong.platform.empi.engine import kernels


def main(folder: Path) -> None:
    """Writes one object file for each kernel and, last, the list of their symbols."""
    print("compiling the linkage kernels (once) / 正在编译主索引核心(仅一次)", file=sys.stderr)
    modules = [importlib.import_module(f"{kernels.PACKAGE}.{name}") for name in kernels.MODULES]
    _compile_inner(modules)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        lines = [f"{k.name} {_compile(k, Path(made))}" for k in kernels.KERNELS.values()]
        (Path(made) / "complete").write_text("\n".join(lines), "utf-8")
        _publish(Path(made), folder)


def _publish(made: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for file in sorted(made.iterdir(), key=lambda f: f.name == "complete"):
        file.replace(folder / file.name)


def _compile_inner(modules: list[ModuleType]) -> None:
    import numba

    made: dict[int, Any] = {id(kernels.fetch): (kernels.fetch, _fetching())}
    for module in modules:
        for name, value in list(vars(module).items()):
            if getattr(value, "__inner__", False):
                if id(value) not in made:
                    made[id(value)] = (value, numba.njit(error_model="numpy", _nrt=False)(value))
                setattr(module, name, made[id(value)][1])


def _fetching() -> Any:
    """``kernels.fetch`` as the instruction of the processor that it stands for."""
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        number, place = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [place, number, number, number])
        call = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        at = builder.bitcast(builder.gep(arguments[0], [arguments[1]]), place)
        builder.call(call, [at, number(0), number(3), number(1)])  # to read, keep near, data
        return _context.get_dummy_value()

    def fetch(_typing: Any, array: Any, i: Any) -> Any:
        return types.void(array, types.int64), code

    return intrinsic(fetch)


def _compile(kernel: kernels.Kernel, folder: Path) -> str:
    import numba
    from numba import types

    scalars = {"I64": types.int64, "F64": types.float64}
    arguments = [
        scalars.get(kind) or types.CPointer(numba.from_dtype(kernels.np.dtype(kernels.POINTERS[kind])))
        for kind in kernel.kinds
    ]
    signature = scalars[kernel.returns](*arguments)
    compiled = numba.cfunc(signature, nopython=True, error_model="numpy", _nrt=False)(kernel.function)
    library = compiled._library
    machine = library._codegen._tm
    (folder / f"{kernel.name}.o").write_bytes(machine.emit_object(library._final_module))
    return str(compiled._wrapper_name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
