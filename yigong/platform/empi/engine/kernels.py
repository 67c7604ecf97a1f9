"""Loops in machine code without a compiler at hand: numba compiles them once, later processes load the code in milliseconds.

A function marked ``@kernel`` is compiled to the machine's own code with plain pointers as arguments; ``@inner`` marks the
functions it calls. The object code lies in a cache folder, named by the sources' digest and the processor. Loading it needs
llvmlite only; numba itself (a second of imports) is started in a process of its own when the cache is empty.
"""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

#: argument types of kernels; arrays are one-dimensional and contiguous, and are indexed like pointers
I64s = I32s = U32s = I16s = U8s = F64s = Any
I64 = int
F64 = float

C_TYPES: dict[str, Any] = {"I64": ctypes.c_int64, "F64": ctypes.c_double}
POINTERS = {
    "I64s": np.int64, "I32s": np.int32, "U32s": np.uint32, "I16s": np.int16, "U8s": np.uint8, "F64s": np.float64,
}  # fmt: skip
MODULES = (
    "hashing",
    "names",
    "dates",
    "address",
    "parse",
    "compare",
    "blocking",
    "score",
    "cluster",
    "train",
    "lookup",
)
PACKAGE = __package__ or "yigong.platform.empi.engine"
THREADS = max(1, min(8, os.cpu_count() or 1))

#: what compiled code would call to raise a Python error
RAISING = (
    "numba_gil_ensure", "numba_gil_release", "numba_do_raise", "numba_runtime_build_excinfo_struct", "numba_unpickle",
    "NRT_incref", "NRT_decref",
)  # fmt: skip

LOADING = threading.RLock()
KERNELS: dict[str, Kernel] = {}


class Kernel:
    """A compiled loop; calling it passes arrays as pointers."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        *self.kinds, self.returns = [str(a) for a in function.__annotations__.values()]
        self._compiled: Any = None

    def __call__(self, *arguments: Any) -> Any:
        if self._compiled is None:
            with LOADING:
                self._compiled = self._compiled or self._load()
        return self._compiled(*[_pass(a, k, self.name) for a, k in zip(arguments, self.kinds, strict=True)])

    def bound(self, *arguments: Any) -> Callable[[], Any]:
        """The call with these arguments, to be made many times: where they lie is asked once, so the caller keeps them alive."""
        with LOADING:
            self._compiled = self._compiled or self._load()
        passed = [_pass(a, k, self.name) for a, k in zip(arguments, self.kinds, strict=True)]
        return partial(self._compiled, *[c(a) for c, a in zip(self._c_types(), passed, strict=True)])

    def _c_types(self) -> list[Any]:
        return [C_TYPES.get(kind, ctypes.c_void_p) for kind in self.kinds]

    def _load(self) -> Any:
        return ctypes.CFUNCTYPE(C_TYPES[self.returns], *self._c_types())(_address(self.name))


class Held(np.ndarray[Any, Any]):
    """An array that stands as long as the process: its address is asked once. What is made from it is none."""

    address: int | None

    def __array_finalize__(self, _other: Any) -> None:
        self.address = None


def held(array: Any) -> Any:
    """The array as one that kernels take without asking again where it lies."""
    made = np.ascontiguousarray(array).view(Held)
    made.address = made.ctypes.data
    return made


def _pass(argument: Any, kind: str, name: str) -> Any:
    if kind in C_TYPES or type(argument) is int:  # a number, or an array already given as its address
        return argument
    if type(argument) is Held and argument.address and argument.dtype == POINTERS[kind]:
        return argument.address
    if argument.dtype != POINTERS[kind] or not argument.flags.c_contiguous:
        raise TypeError(f"{name}: {kind} wanted, {argument.dtype} given")
    return argument.ctypes.data


def kernel(function: F) -> F:
    """Marks a loop to be compiled and called with arrays."""
    made = Kernel(function)
    KERNELS[made.name] = made
    return made  # type: ignore[return-value]


def inner(function: F) -> F:
    """Marks a function that kernels call; it is compiled into them."""
    function.__inner__ = True  # type: ignore[attr-defined]
    return function


@inner
def fetch(array, i):  # type: ignore[no-untyped-def]
    """Has the processor bring *array[i]* near while it works on other things; ``kernels_build`` puts the instruction here."""


@lru_cache(maxsize=1)
def pool() -> ThreadPoolExecutor:
    """The threads that run kernels side by side (a kernel lets the interpreter go)."""
    return ThreadPoolExecutor(THREADS)


def split(call: Callable[[int, int], Any], rows: int, least: int = 20_000) -> list[Any]:
    """Runs ``call(start, end)`` over the rows in as many parts as there are threads."""
    parts = max(1, min(THREADS, rows // least))
    edges = [rows * i // parts for i in range(parts + 1)]
    if parts == 1:
        return [call(0, rows)]
    jobs: list[Future[Any]] = [pool().submit(call, a, b) for a, b in itertools.pairwise(edges)]
    return [job.result() for job in jobs]


def together(calls: list[Callable[[], Any]]) -> list[Any]:
    """Runs the calls side by side; their results in order. One call needs no thread."""
    if len(calls) == 1:
        return [calls[0]()]
    return [job.result() for job in [pool().submit(call) for call in calls]]


@lru_cache(maxsize=1)
def cache_folder() -> Path:
    """Where compiled code and tables lie: ``YIGONG_CACHE``, else beside the installation, else the user's cache."""
    root = Path(__file__).resolve().parents[4]
    places = [os.environ.get("YIGONG_CACHE"), root / ".local" / "cache", Path.home() / ".cache" / "yigong"]
    for place in (Path(p) for p in [*places, tempfile.gettempdir()] if p):
        if place.parent == root / ".local" and not (root / "pyproject.toml").exists():
            continue
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(place, os.W_OK):
            return place
    raise OSError("no writable folder for compiled code; set YIGONG_CACHE")


@lru_cache(maxsize=1)
def _objects() -> Path:
    import llvmlite
    import llvmlite.binding as llvm

    here = Path(__file__).parent
    digest = hashlib.blake2b(digest_size=8)
    for name in ("kernels", *MODULES):
        digest.update((here / f"{name}.py").read_bytes())
    digest.update(f"{llvmlite.__version__} {llvm.get_host_cpu_name()} {sys.byteorder}".encode())
    folder = cache_folder() / f"kernels-{digest.hexdigest()}"
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", f"{PACKAGE}.kernels_build", str(folder)], check=True)
    return folder


def prepare() -> Path:
    """The folder of the compiled loops, filled if need be: at set-up, so that no page waits for it."""
    return _objects()


@lru_cache(maxsize=1)
def _engine() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    never = ctypes.cast(ctypes.CDLL(None).abort, ctypes.c_void_p).value
    for symbol in RAISING:
        llvm.add_symbol(symbol, never)  # called only where Python errors are raised, and kernels raise none
    machine = llvm.Target.from_default_triple().create_target_machine()
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)


@lru_cache(maxsize=1)
def _symbols() -> dict[str, str]:
    lines = (_objects() / "complete").read_text("utf-8").splitlines()
    return dict(line.split(" ", 1) for line in lines)


@cache
def _address(name: str) -> int:
    import llvmlite.binding as llvm

    engine, code = _engine(), (_objects() / f"{name}.o").read_bytes()
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return int(engine.get_function_address(_symbols()[name]))
