"""The first code cell of a template: its literals are the notebook's parameters."""

import ast

from nbformat import NotebookNode

from dslite.errors import DsliteError


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
    cell = _first_cell(notebook)
    literals = _literals(cell.source)
    unknown = sorted(set(values) - set(literals))
    if unknown:
        raise DsliteError(
            f"{name} has no parameter {', '.join(unknown)}; its first code cell has {', '.join(literals) or 'none'}."
        )
    source = cell.source.encode()
    starts = [0]  # of each line, in bytes: ast counts columns in UTF-8
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for key, node in sorted(literals.items(), key=lambda item: (item[1].lineno, item[1].col_offset), reverse=True):
        if key in values:
            begin = starts[node.lineno - 1] + node.col_offset
            end = starts[node.end_lineno - 1] + node.end_col_offset
            source = source[:begin] + _literal(name, key, values[key]).encode() + source[end:]
    cell.source = source.decode()


def _first_cell(notebook: NotebookNode) -> NotebookNode:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            return cell
    raise DsliteError("The notebook has no code cell, so it has no parameters.")


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
