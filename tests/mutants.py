"""Every small mistake that a file could have: one comparison, operator, word, number or statement changed.

`mutants(source)` yields (what was changed, the whole changed tree); `module(tree)` runs one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import ModuleType

_FLIPS: dict[type, tuple[type, ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.And: (ast.Or,), ast.Or: (ast.And,), ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,), ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,), ast.LShift: (ast.Add,),
}  # fmt: skip


def mutants(source: str) -> Iterator[tuple[str, ast.Module]]:
    """One mutant per place and change. A statement is dropped, an expression is altered."""
    for at in range(len(list(ast.walk(ast.parse(source))))):
        for change in range(6):
            tree = ast.parse(source)
            node = list(ast.walk(tree))[at]
            what = ast.unparse(node) if isinstance(node, ast.expr | ast.stmt) else ""
            if what and _change(node, change):
                line = source.splitlines()[getattr(node, "lineno", 1) - 1].strip()
                yield f"`{line}`: {_short(what)} -> {_short(ast.unparse(node))}", tree


def module(tree: ast.Module) -> ModuleType:
    """The mutant, run. Whatever it raises goes up."""
    made = ModuleType("mutant")
    exec(compile(ast.fix_missing_locations(tree), "mutant", "exec"), made.__dict__)
    return made


def _short(text: str) -> str:
    return text if "\n" not in text else " ".join(text.split())


def _change(node: ast.AST, change: int) -> bool:
    if isinstance(node, ast.Compare):
        flips = [(place, flip) for place, op in enumerate(node.ops) for flip in _FLIPS.get(type(op), ())]
        if change < len(flips):
            place, flip = flips[change]
            node.ops[place] = flip()
            return True
    elif isinstance(node, ast.BoolOp | ast.BinOp | ast.AugAssign) and change == 0 and type(node.op) in _FLIPS:
        node.op = _FLIPS[type(node.op)][0]()
        return True
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.Invert) and change == 0:
        node.op = ast.UAdd() if isinstance(node.op, ast.Invert) else node.op
        node.operand = node.operand if isinstance(node.op, ast.UAdd) else ast.UnaryOp(ast.Not(), node.operand)
        return True
    elif isinstance(node, ast.Constant) and not isinstance(node.value, str) and change < 2:
        return _other_constant(node, change)
    return isinstance(node, ast.FunctionDef | ast.If) and _drop(node, change)


def _other_constant(node: ast.Constant, change: int) -> bool:
    if isinstance(node.value, bool):
        node.value = not node.value
        return change == 0
    if isinstance(node.value, int):
        node.value += 1 if change == 0 else -1
        return True
    return False


def _drop(node: ast.FunctionDef | ast.If, change: int) -> bool:
    """Statement number `change` of a body does nothing."""
    if change >= len(node.body) or not isinstance(
        node.body[change], ast.Assign | ast.AugAssign | ast.Return | ast.Expr
    ):
        return False
    dropped = node.body[change]
    if isinstance(dropped, ast.Expr) and isinstance(dropped.value, ast.Constant):  # a docstring
        return False
    node.body[change] = ast.Pass()
    return True
