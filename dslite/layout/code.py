"""What a result is made by, derived: the modules that a module imports, and the data files that they name.

Nothing is listed by hand. Code is compared as syntax trees without docstrings, comments and layout, so that only what
it does counts. Modules that are loaded by name (``import_module(f"dslite.backbones.{name}")``) count as far as they
are chosen: adding a base model makes nothing stale.
"""

import ast
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]

_RUNS_NOTEBOOKS = ("dslite.run", "dslite.explore")
"""Rooms above the stages: a notebook asks them for earlier results, and nothing that it shows is computed there."""


@dataclass(frozen=True)
class _Module:
    """What is known of one module (or notebook) by reading it: ``imports`` are (module, name or ""), ``by_name`` the
    packages of which it loads members by name, ``strings`` its string constants."""

    digest: str
    imports: tuple[tuple[str, str], ...]
    by_name: tuple[str, ...]
    strings: frozenset[str]


class Code:
    """The package as it lies in a folder; another than this very one is for tests."""

    def __init__(self, package: Path = PACKAGE):
        self.package = package

    def made_by(self, *roots: str | Path, chosen: Mapping[str, str] | None = None) -> dict[str, str]:
        """Everything in the package that some modules or notebooks are made by.

        Args:
            roots: names of modules, or notebooks.
            chosen: package -> which of its members is loaded by name; of a package that is not in it, all are.

        Returns:
            Name of a module or data file (relative to the package's parent), sorted -> hash of what it does.
        """
        found: dict[str, str] = {}
        waiting: list[str | Path] = [*roots]
        while waiting:
            root = waiting.pop()
            name = root.name if isinstance(root, Path) else root
            if name in found or name.startswith(_RUNS_NOTEBOOKS):
                continue
            if file := root if isinstance(root, Path) else self._file(name):
                read = _read(file, file.stat().st_mtime_ns)
                found[name] = read.digest
                waiting += self._next(read, chosen or {})
            elif name in self._data:
                text = self._data[name].read_bytes()
                found[name] = hashlib.sha256(text).hexdigest()[:16]
                if name.endswith((".j2", ".css")):  # templates name the templates that they are made of
                    waiting += [other for other in self._data if Path(other).name.encode() in text]
        return dict(sorted(found.items()))

    def _next(self, read: _Module, chosen: Mapping[str, str]) -> Iterator[str]:
        for module, name in read.imports:
            yield self._home(module, name)
        for package in read.by_name:
            folder = self.package.parent / package.replace(".", "/")
            members = [chosen[package]] if package in chosen else [file.stem for file in folder.glob("[a-z]*.py")]
            yield from (f"{package}.{member}" for member in members)
        for text in read.strings & self._named.keys():
            yield from self._named[text]

    def _home(self, module: str, name: str) -> str:
        """The module that an imported name comes from: a submodule, or what a package hands on."""
        if name and self._file(f"{module}.{name}"):
            return f"{module}.{name}"
        file = self._file(module)
        if name and file and file.name == "__init__.py":
            for origin, imported in _read(file, file.stat().st_mtime_ns).imports:
                if imported == name:
                    return self._home(origin, name)
        return module

    def _file(self, module: str) -> Path | None:
        place = module.replace(".", "/")
        return self._files.get(f"{place}.py") or self._files.get(f"{place}/__init__.py")

    @cached_property
    def _files(self) -> dict[str, Path]:
        """The package's files by their path from its parent folder."""
        files = (file for file in self.package.rglob("*.*") if file.is_file() and "__pycache__" not in file.parts)
        return {f.relative_to(self.package.parent).as_posix(): f for f in files if f.suffix != ".pyc"}

    @cached_property
    def _data(self) -> dict[str, Path]:
        """Those that are no code."""
        return {name: file for name, file in self._files.items() if file.suffix != ".py"}

    @cached_property
    def _named(self) -> dict[str, list[str]]:
        """Those by every ending of their paths that may name them."""
        found: dict[str, list[str]] = {}
        for name in self._data:
            for at in (at for at, letter in enumerate(name) if letter == "/"):
                found.setdefault(name[at + 1 :], []).append(name)
        return found


HERE = Code()
"""The code that is running."""


@cache
def _read(file: Path, stamp: int) -> _Module:
    if file.suffix == ".py":
        tree = _Doing().visit(ast.parse(file.read_bytes()))
        what = ast.dump(tree)
    else:  # a notebook counts with all its cells: text is what its page shows
        cells = [(c["cell_type"], "".join(c["source"])) for c in json.loads(file.read_text("utf-8"))["cells"]]
        tree = _Doing().visit(ast.parse("\n".join(source for kind, source in cells if kind == "code")))
        what = json.dumps(cells)
    imports, by_name, strings = [], [], set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [(alias.name, "") for alias in node.names if alias.name.startswith("dslite.")]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "dslite":
            imports += [(node.module, alias.name) for alias in node.names]
        elif isinstance(node, ast.JoinedStr) and len(node.values) == 2 and isinstance(node.values[0], ast.Constant):
            package = str(node.values[0].value)
            by_name += [package[:-1]] if package.startswith("dslite.") and package.endswith(".") else []
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            strings.add(node.value)
    return _Module(hashlib.sha256(what.encode()).hexdigest()[:16], tuple(imports), tuple(by_name), frozenset(strings))


class _Doing(ast.NodeTransformer):
    """What code does: without docstrings, and without imports that only type checkers see."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) else node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if ast.unparse(node.test).endswith("TYPE_CHECKING") else self.generic_visit(node)
