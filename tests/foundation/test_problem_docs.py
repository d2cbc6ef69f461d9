"""docs/problems.md cannot rot: every kind that the code raises has its heading, and no heading is left over."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("config", "foundation", "collector", "training", "modelhub")
DOC = ROOT / "docs" / "problems.md"


def headings() -> set[str]:
    return set(re.findall(r"^## ([a-z-]+)$", DOC.read_text(encoding="utf-8"), re.MULTILINE))


def sources() -> Iterator[Path]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if not path.is_relative_to(ROOT / "training" / "ml"):  # has problems of its own kind, and no web
                yield path


def kinds_in(tree: ast.AST) -> Iterator[str]:
    """First arguments of Problem(...); of f-strings the pattern that they can become."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Problem" and node.args:
            kind = node.args[0]
            for part in (kind.body, kind.orelse) if isinstance(kind, ast.IfExp) else (kind,):
                if isinstance(part, ast.Constant):
                    yield re.escape(str(part.value))
                elif isinstance(part, ast.JoinedStr):
                    yield "".join(
                        re.escape(str(piece.value)) if isinstance(piece, ast.Constant) else "[a-z-]+"
                        for piece in part.values
                    )


def test_every_kind_has_a_heading() -> None:
    known = headings()
    missing = {
        f"{pattern} ({path.relative_to(ROOT)})"
        for path in sources()
        for pattern in kinds_in(ast.parse(path.read_text(encoding="utf-8")))
        if not any(re.fullmatch(pattern, kind) for kind in known)
    }
    assert missing == set()


def test_every_heading_is_a_kind_of_the_code() -> None:
    words = "\n".join(path.read_text(encoding="utf-8") for path in sources())
    left_over = {kind for kind in headings() if f'"{kind}"' not in words and not re.search(dynamic(kind), words)}
    assert left_over == set()


def dynamic(kind: str) -> str:
    """An f-string that may become ``kind``, such as f"unknown-{name}"."""
    return rf'f"{re.escape(kind.split("-", maxsplit=1)[0])}-\{{\w+\}}"'


def test_every_heading_says_status_and_what_to_do() -> None:
    text = DOC.read_text(encoding="utf-8")
    for section in text.split("\n## ")[1:]:
        kind, _, body = section.partition("\n")
        assert re.match(r"\d{3}( or \d{3})?\. [A-Z]", body), f"{kind}: begin with the status"
