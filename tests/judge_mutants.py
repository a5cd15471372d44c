"""Mutants of a source file: each is the file with one comparison, word or number changed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

FLIPS: dict[type, list[type]] = {
    ast.Lt: [ast.LtE, ast.GtE], ast.LtE: [ast.Lt, ast.Gt], ast.Gt: [ast.GtE, ast.Lt], ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.Is: [ast.IsNot], ast.IsNot: [ast.Is], ast.And: [ast.Or],
    ast.Or: [ast.And], ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Add], ast.BitAnd: [ast.BitOr],
    ast.In: [ast.NotIn], ast.NotIn: [ast.In], ast.FloorDiv: [ast.Mult], ast.Div: [ast.Mult],
}  # fmt: skip


def mutants(source: str) -> Iterator[tuple[str, ast.Module]]:
    """(line, what was changed into what; the whole tree) for each place and each change."""
    for at, node in enumerate(ast.walk(ast.parse(source))):
        for change in range(_changes(node)):
            tree = ast.parse(source)
            place = list(ast.walk(tree))[at]
            before = ast.unparse(place)
            _change(place, change)
            yield f"line {getattr(place, 'lineno', 0)}: {before} -> {ast.unparse(place)}", tree


def _changes(node: ast.AST) -> int:
    if isinstance(node, ast.Compare):
        return sum(len(FLIPS.get(type(op), [])) for op in node.ops)
    if isinstance(node, ast.BoolOp | ast.BinOp):
        return len(FLIPS.get(type(node.op), []))
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.Not | ast.USub)
    if isinstance(node, ast.IfExp):
        return 1
    return isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float)


def _change(node: ast.AST, change: int) -> None:
    if isinstance(node, ast.Compare):
        for at, op in enumerate(node.ops):
            flips = FLIPS.get(type(op), [])
            if change < len(flips):
                node.ops[at] = flips[change]()
                return
            change -= len(flips)
    elif isinstance(node, ast.BoolOp | ast.BinOp):
        node.op = FLIPS[type(node.op)][change]()
    elif isinstance(node, ast.UnaryOp):
        node.operand = ast.UnaryOp(node.op, node.operand)
    elif isinstance(node, ast.IfExp):
        node.body, node.orelse = node.orelse, node.body
    elif isinstance(node, ast.Constant):
        node.value = not node.value if isinstance(node.value, bool) else node.value + 1
