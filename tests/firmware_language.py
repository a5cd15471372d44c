"""The small language of firmware/, checked on the syntax tree: what MicroPython does not have, or does differently.

`faults(source)` are lines of text, empty if there is none. The rules are those of firmware/README.md.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

BANNED_MODULES = {
    "dataclasses": "not there", "enum": "not there", "typing": "not there", "__future__": "not there",
    "contextlib": "not there", "abc": "enforces nothing", "collections": "another one", "functools": "not there",
    "struct": "wraps what does not fit without a word: write with `enc`",
    "ustruct": "wraps what does not fit without a word: write with `enc`",
    "array": "wraps what does not fit without a word",
}  # fmt: skip
BANNED_ATTRIBUTES = {
    "Struct", "iter_unpack", "cast", "tobytes", "bit_length", "bit_count", "removeprefix", "removesuffix", "zfill",
    "__doc__", "__cause__",
}  # fmt: skip
SMALL_INT_MAX = (1 << 30) - 1


def faults(source: str) -> list[str]:
    """What is wrong, with its line."""
    tree = ast.parse(source)
    found = [*_imports(tree), *_syntax(tree), *_dicts(tree), *_bytes(tree), *_numbers(tree), *_annotations(tree)]
    return [f"line {line}: {text}" for line, text in sorted(found)]


Fault = tuple[int, str]


def _imports(tree: ast.Module) -> Iterator[Fault]:
    for node in ast.walk(tree):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            if name.partition(".")[0] in BANNED_MODULES:
                yield node.lineno, f"import {name}: {BANNED_MODULES[name.partition('.')[0]]}"


def _syntax(tree: ast.Module) -> Iterator[Fault]:
    displays = [node for node in ast.walk(tree) if isinstance(node, ast.Tuple | ast.List)]
    displayed = {id(item) for node in displays if isinstance(node.ctx, ast.Load) for item in node.elts}
    for node in ast.walk(tree):
        if isinstance(node, ast.Match | ast.TryStar):
            yield node.lineno, "match and except* are not there"
        elif isinstance(node, ast.arguments) and node.posonlyargs:
            yield node.posonlyargs[0].lineno, "positional-only parameters are not there"
        elif isinstance(node, ast.Slice) and node.step is not None:
            yield node.lineno, "a slice has no step"
        elif isinstance(node, ast.Attribute) and node.attr in BANNED_ATTRIBUTES:
            yield node.lineno, f".{node.attr} is not there"
        elif isinstance(node, ast.Name) and node.id in BANNED_ATTRIBUTES:
            yield node.lineno, f"{node.id} is not there"
        elif isinstance(node, ast.Starred) and id(node) in displayed:
            yield node.lineno, "no star in a tuple or list"


def _dicts(tree: ast.Module) -> Iterator[Fault]:
    """A dict has no order: whatever walks over one is suspicious."""
    dicts = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict | ast.DictComp)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("items", "keys", "values") and not node.args:
                yield node.lineno, f".{node.func.attr}(): a dict has no order"
        elif isinstance(node, ast.For | ast.comprehension):
            over = node.iter
            if isinstance(over, ast.Dict) or (isinstance(over, ast.Name) and over.id in dicts):
                yield over.lineno, "iterates a dict, which has no order"


def _bytes(tree: ast.Module) -> Iterator[Fault]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "to_bytes":
                yield node.lineno, "to_bytes wraps a negative number: write by shifts"
            elif node.func.attr == "from_bytes" and (len(node.args) > 2 or node.keywords):
                yield node.lineno, "from_bytes has no sign: do two's complement by hand"


def _constant(node: ast.AST) -> int | float | None:
    """The value of an expression of numbers alone, folded as mpy-cross does."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _constant(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.BinOp) and _constant(node.left) is not None and _constant(node.right) is not None:
        folded: int | float = eval(compile(ast.Expression(node), "folded", "eval"))
        return folded
    return None


def _numbers(tree: ast.AST) -> Iterator[Fault]:
    """Outermost constant expressions only: `(1 << 30) - 1` is a small integer, whatever stands in it."""
    for node in ast.iter_child_nodes(tree):
        value = _constant(node)
        line = getattr(node, "lineno", 0)
        if isinstance(value, float):
            yield line, f"{value}: no float"
        elif value is not None and not -SMALL_INT_MAX - 1 <= value <= SMALL_INT_MAX + 1:
            yield line, f"{value:#x} is no small integer"
        elif value is None:
            if isinstance(node, ast.BinOp | ast.AugAssign):
                if isinstance(node.op, ast.Div):
                    yield line, "/ makes a float"
                elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd) and SMALL_INT_MAX + 1 in (
                    _constant(node.left), _constant(node.right)
                ):  # fmt: skip
                    yield line, "& with 2**30 is no small integer"
            yield from _numbers(node)


def _annotations(tree: ast.Module) -> Iterator[Fault]:
    """Names of builtins and of classes that are imported or made in the file: what needs no `typing`."""
    known = set(vars(builtins))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            known.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ClassDef):
            known.add(node.name)
    for node in ast.walk(tree):
        for annotation in _annotations_of(node):
            for name in ast.walk(annotation):
                if isinstance(name, ast.Name) and name.id not in known:
                    yield name.lineno, f"annotation {name.id} is neither a builtin nor a class of the firmware"


def _annotations_of(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.AnnAssign):
        return [node.annotation]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        return [own for own in [node.returns, *(arg.annotation for arg in given)] if own is not None]
    return []
