"""Which neighbouring statements have to do with each other, so that swapping them can matter."""

import ast
from typing import Final

_ONE_TRANSACTION: Final = frozenset(
    {"tx", "self.tx", "tx.connection"}
)  # what is registered there stands or falls together


def binds(statement: ast.stmt) -> set[str]:
    """Local names that a statement binds."""
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def depend(first: ast.stmt, second: ast.stmt, bound: set[str]) -> bool:
    """Whether one writes what the other reads or writes; not where the second would lack a name of the first."""
    if isinstance(first, ast.AugAssign) and isinstance(second, ast.AugAssign):
        return False  # sums commute
    fresh = binds(first) - bound
    if fresh & _reads(second):
        return False
    wrote, writes = _writes(first) | binds(first), _writes(second) | binds(second)
    return bool(_meet(wrote, _reads(second) | writes) or _meet(writes, _reads(first)))


def _meet(written: set[str], used: set[str]) -> bool:
    return any(one == other or other.startswith(f"{one}.") for one in written - _ONE_TRANSACTION for other in used)


def _reads(statement: ast.stmt) -> set[str]:
    found = set()
    for part in _read_now(statement):
        for node in ast.walk(part):
            if isinstance(node, ast.Name | ast.Attribute):
                found.add(_dotted(node))
    return found - {""} - {"self"} - _ONE_TRANSACTION


def _read_now(statement: ast.stmt) -> list[ast.AST]:
    """What is registered for later reads only its bound values now."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not ast.unparse(call.func).startswith("tx.on_"):
        return [statement]
    (later,) = call.args
    if isinstance(later, ast.Call):
        return list(later.args[1:] if ast.unparse(later.func) == "partial" else later.args)
    return []


def _writes(statement: ast.stmt) -> set[str]:
    """Attributes and elements assigned, and what methods are called on for their effect."""
    found = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            found.add(_dotted(node.value if isinstance(node, ast.Subscript) else node))
    value = getattr(statement, "value", None)
    value = value.value if isinstance(value, ast.Await) else value
    if isinstance(statement, ast.Expr) and isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        found.add(_dotted(value.func.value))
    return found - {""}


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""
