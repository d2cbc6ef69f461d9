"""Docs that cannot rot: what the code offers has its line in docs/operations.md, the README or the decision list."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
OURS = {"config", "foundation", "collector", "training", "modelhub"}


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def settings_read() -> list[str]:
    pattern = r'env\.(?:text|integer|flag|words|path|rates)\(\s*"([A-Z_]+)"'
    return sorted(set(re.findall(pattern, read("config/settings.py"))))


def our_commands() -> list[str]:
    return sorted(name for name, app in get_commands().items() if app in OURS)


@pytest.mark.parametrize("variable", settings_read())
def test_operations_names_every_setting(variable: str) -> None:
    assert f"`{variable}`" in read("docs/operations.md")


@pytest.mark.parametrize("command", our_commands())
def test_operations_names_every_command(command: str) -> None:
    assert f"| `{command}` |" in read("docs/operations.md")


def test_adr_list_names_every_decision() -> None:
    pages = sorted(path.name for path in (ROOT / "docs/adr").glob("0*.md"))
    assert re.findall(r"\((0[\w-]+\.md)\)", read("docs/adr/README.md")) == pages


@pytest.mark.parametrize("target", ["help", "setup", "demo", "dev", "test", "check", "fmt", "bench", "manage"])
def test_makefile_explains_every_promised_target(target: str) -> None:
    assert re.search(rf"^{target}:.*## \w", read("Makefile"), re.MULTILINE)


@pytest.mark.parametrize("page", ["README.md", *(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md"))])
def test_page_links_lead_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", read(page)) + re.findall(r'(?:src|srcset)="([^":]+)"', read(page))
    assert [link for link in links if not (folder / link).exists()] == []
