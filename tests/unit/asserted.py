"""Which codes tests expect of what was done, not merely name: read from the tests' own source.

A code counts where an assertion compares something with it (`==`, `in`), where it stands in a column of `parametrize`
that is compared in assertions alone, and as the end of a whole run (`NOT_READY DISK_FULL`). What is handed to a
function, compared with `!=`, or stands in a comment or an input does not count.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

_CODE = re.compile(r"[A-Z][A-Z0-9_]{2,}")
_END = re.compile(r"(?:READY|DEGRADED|NOT_READY|UNKNOWN|UNREACHABLE|SKIPPED|STALE) ([A-Z][A-Z0-9_]{2,})")


def codes(source: str) -> set[str]:
    """The codes that the tests of a file expect."""
    tree = ast.parse(source)
    tables = dict(_tables(tree))
    texts = [one.value for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    found = {end[1] for text in texts if (end := _END.fullmatch(text))}
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        compared = list(_compared(function))
        found |= {code for node in compared for code in _code(node)}
        for call in function.decorator_list:
            if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("parametrize") and len(call.args) > 1:
                found |= set(_expected(call, function, {id(node) for node in compared}, tables))
    return found


def _compared(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """What the assertions of a test compare for being equal to, or among, something."""
    for one in ast.walk(function):
        for node in ast.walk(one) if isinstance(one, ast.Assert) else ():
            if isinstance(node, ast.Compare) and all(isinstance(kind, ast.Eq | ast.In) for kind in node.ops):
                for side in (node.left, *node.comparators):
                    yield from _outside(side)


def _tables(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """What a name of the file stands for."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    yield target.id, node.value


def _expected(
    call: ast.Call, function: ast.FunctionDef, compared: set[int], tables: dict[str, ast.expr]
) -> Iterator[str]:
    """The codes in those columns of a table that are used in assertions alone."""
    given, table = call.args[0], call.args[1]
    table = tables.get(table.id, table) if isinstance(table, ast.Name) else table
    names = given.value.split(",") if isinstance(given, ast.Constant) else [one.value for one in given.elts]  # type: ignore[attr-defined]
    for column, name in enumerate(one.strip() for one in names):
        uses = [node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == name]
        if not uses or not all(id(node) in compared for node in uses) or not isinstance(table, ast.List | ast.Tuple):
            continue
        for row in table.elts:
            cells = [row] if len(names) == 1 else getattr(row, "elts", None) or getattr(row, "args", [])
            for node in _outside(cells[column]) if column < len(cells) else ():
                yield from _code(node)


def _outside(node: ast.AST) -> Iterator[ast.AST]:
    """An expression and its parts, without what is handed to a function."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(node, ast.Call) or child is node.func:
            yield from _outside(child)


def _code(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and _CODE.fullmatch(node.value):
        yield node.value
