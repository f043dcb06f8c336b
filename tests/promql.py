"""Which metrics and labels a query names, by the grammar of Prometheus."""

from collections.abc import Iterator

import promql_parser as grammar
from promql_parser import Expr

EVERYWHERE = {"instance", "job"}
"""Labels that Prometheus itself adds."""


def parts(query: Expr) -> Iterator[Expr]:
    """A query and everything in it."""
    yield query
    if isinstance(query, grammar.BinaryExpr):
        inner = [query.lhs, query.rhs]
    elif isinstance(query, grammar.Call):
        inner = list(query.args)
    elif isinstance(query, grammar.MatrixSelector):
        inner = [query.vector_selector]
    elif isinstance(query, grammar.AggregateExpr):
        inner = [query.expr] + ([query.param] if query.param is not None else [])
    elif isinstance(query, grammar.ParenExpr | grammar.UnaryExpr | grammar.SubqueryExpr):
        inner = [query.expr]
    else:
        inner = []
    for part in inner:
        yield from parts(part)


def faults(text: str, exported: dict[str, set[str]]) -> list[str]:
    """What a query names that nobody exports."""
    every = list(parts(grammar.parse(text.replace("$__rate_interval", "5m"))))
    selectors = [part for part in every if isinstance(part, grammar.VectorSelector)]
    known = EVERYWHERE.union(*(exported.get(selector.name or "", set()) for selector in selectors))
    found = [f"no metric {selector.name}" for selector in selectors if selector.name not in exported]
    for selector in selectors:
        own = exported.get(selector.name or "", known) | EVERYWHERE
        names = [matcher.name for matcher in selector.matchers.matchers]
        found += [f"{selector.name} has no label {name}" for name in names if name not in own]
    for part in every:
        modifier = part.modifier if isinstance(part, grammar.AggregateExpr) else None
        matching = part.modifier.matching if isinstance(part, grammar.BinaryExpr) and part.modifier else None
        for labels in (modifier, matching):
            found += [
                f"nothing has the label {name}" for name in (labels.labels if labels else []) if name not in known
            ]
    return found
