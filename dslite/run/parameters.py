"""The first code cell of a template: its literals are the notebook's parameters."""

import ast
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from dslite.errors import DsliteError


def filled(template: Path, values: dict[str, object]) -> NotebookNode:
    """A template with other parameters, as :func:`substitute` has them.

    Raises:
        DsliteError: as there, and for a file that is not there or no notebook.
    """
    try:
        notebook = nbformat.read(template, as_version=4)
    except FileNotFoundError:
        raise DsliteError(f"There is no notebook {template}; restore it, e.g. with git checkout.") from None
    except OSError as error:
        raise DsliteError(f"{template} cannot be read ({error.strerror}).") from error
    except Exception as error:  # whatever its content leads to
        said = str(error).partition("\n")[0]
        raise DsliteError(f"{template} is no notebook ({said:.80}); restore it, e.g. with git checkout.") from error
    substitute(notebook, values, template.name)
    return notebook


def substitute(notebook: NotebookNode, values: dict[str, object], name: str) -> None:
    """Replaces literals of the first code cell in place; comments and layout stay.

    papermill would add a second cell instead, and editing the first one would then do nothing.

    Args:
        notebook: a template; changed.
        values: what to put in; anything whose ``repr`` is a Python literal.
        name: how to call the notebook in messages.

    Raises:
        DsliteError: a name that is not a parameter of the notebook, or a value that is no literal.
    """
    cell = _first_cell(notebook, name)
    try:
        literals = _literals(cell.source)
    except SyntaxError as error:
        wrong = f"its first code cell is no Python (line {error.lineno}: {error.msg})"
        raise DsliteError(f"{name}: {wrong}; mend it, or restore it with git checkout.") from error
    if unknown := sorted(set(values) - set(literals)):
        raise DsliteError(
            f"{name} has no parameter {', '.join(unknown)}; its first code cell has {', '.join(literals) or 'none'}."
        )
    lines = cell.source.encode().splitlines(keepends=True)  # bytes: ast counts columns in UTF-8
    places = [(literals[key].lineno, literals[key].col_offset, key) for key in values]
    for *_, key in sorted(places, reverse=True):
        node, text = literals[key], _literal(name, key, values[key]).encode()
        first, last = node.lineno - 1, node.end_lineno
        kept = lines[first][: node.col_offset], lines[last - 1][node.end_col_offset :]
        lines[first:last] = [text.join(kept)]
    cell.source = b"".join(lines).decode()


def _first_cell(notebook: NotebookNode, name: str) -> NotebookNode:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            return cell
    raise DsliteError(f"{name} has no code cell, so it has no parameters: take it as it came.")


def _literals(source: str) -> dict[str, ast.expr]:
    """Name -> the expression node of each ``name = literal`` at the top level."""
    found = {}
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            try:
                ast.literal_eval(statement.value)
            except ValueError:
                continue
            found[statement.targets[0].id] = statement.value
    return found


def _literal(notebook: str, name: str, value: object) -> str:
    text = repr(value)
    try:
        if ast.literal_eval(text) == value:
            return text
    except (ValueError, SyntaxError):
        pass
    raise DsliteError(f"{notebook}: the value of {name} must be a Python literal, not {text}.")
