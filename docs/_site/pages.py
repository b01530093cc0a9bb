"""Pages that the site makes from the code: command line, Python, schemas, architecture, words.

A hook of MkDocs (``hooks`` in ``mkdocs.yml``).
"""

from __future__ import annotations

import argparse
import html
import json
import re
import tomllib
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

_ROOT = Path(__file__).parents[2]
_PACKAGES = ("reading", "results", "outputs", "progression", "severity", "readings", "review", "statistics", "batch")
"""Packages whose public names are documented beside those of ``ho_imaging`` itself."""

_SHIM = re.compile(r'<script src="?https://unpkg\.com/iframe-worker/shim"?></script>')
"""What the theme would fetch so that the search works from disk too; served by any web server it works without."""

_FETCHED = re.compile(
    r'<(?:script|img|iframe)[^>]* src="?(https?:[^" >]+)|<link[^>]* rel="?stylesheet"?[^>]* href="?(http[^" >]+)'
)

_SCHEMAS = ("result", "comparison", "decisions", "bones")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add pages that the menu does not name, so that none is out of reach."""
    named = set(_named(config.nav))
    rest = [path.name for path in sorted(Path(config.docs_dir).glob("*.md")) if path.name not in named]
    if rest:
        config.nav = [*(config.nav or []), {"More": rest}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from the code."""
    from mkdocs.structure.files import File  # noqa: PLC0415  (MkDocs loads this module)

    pages = {
        "reference/cli.md": command_line(),
        "reference/python.md": python(),
        "reference/schema.md": schemas(),
        "reference/architecture.md": architecture(),
    }
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Put the vocabulary into the glossary."""
    return markdown.replace("<!-- vocabulary -->", words()) if page.file.src_uri == "glossary.md" else markdown


def on_post_build(config: MkDocsConfig) -> None:
    """Leave out the one script that the theme would fetch from elsewhere; fail if there is another."""
    site = Path(config.site_dir)
    for path in site.rglob("*.html"):
        text = _SHIM.sub("", path.read_text())
        path.write_text(text)
        if fetched := _FETCHED.findall(text):
            raise RuntimeError(f"{path}: the page fetches {fetched[0]}: the site must be readable without a network")


def command_line() -> str:
    """Return the reference of every command and option."""
    from ho_imaging.cli.main import build_parser  # noqa: PLC0415

    parts = ["# Command line\n", "Made from the program itself; `ho-imaging help COMMAND` says the same.\n"]
    parts += _of_parser(build_parser(), 2)
    return "\n".join(parts)


def _of_parser(parser: argparse.ArgumentParser, level: int) -> list[str]:
    parts = [f"{'#' * min(level, 4)} {parser.prog}\n", f"{parser.description or ''}\n"]
    # Not the usage of argparse, which wraps by the width of whoever builds the site.
    rows, below = [], []
    for action in parser._actions:  # argparse has no public list of them
        if isinstance(action, argparse._SubParsersAction):
            below = list(dict.fromkeys(action.choices.values()))
            rows.append(("COMMAND", "one of: " + ", ".join(action.choices)))
        elif action.help is not argparse.SUPPRESS and "--help" not in action.option_strings:
            names = " ".join(f"`{name}`" for name in action.option_strings) or f"`{_value(action)}`"
            takes = f" `{_value(action)}`" if action.option_strings and action.nargs != 0 else ""
            formatter = parser._get_formatter()
            text = formatter._expand_help(action) if action.help else ""
            rows.append((names + takes, ("(required) " if action.required and action.option_strings else "") + text))
    if rows:
        parts.append("| argument | |\n| --- | --- |")
        parts += [f"| {_cell(name)} | {_cell(text)} |" for name, text in rows]
        parts.append("")
    if parser.epilog and level > 2:
        parts.append(f"{parser.epilog}\n")
    for child in below:
        parts += _of_parser(child, level + 1)
    return parts


def _value(action: argparse.Action) -> str:
    metavar = action.metavar or (f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest.upper())
    return " ".join(metavar) if isinstance(metavar, tuple) else metavar


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def python() -> str:
    """Return the reference of the public names."""
    import ho_imaging  # noqa: PLC0415

    parts = ["# Python\n", "Names of a package's `__all__`; what is not here may change.\n", "## ho_imaging\n"]
    parts += [f"::: ho_imaging.{name}\n" for name in ho_imaging.__all__ if name != "__version__"]
    known = {getattr(ho_imaging, name) for name in ho_imaging.__all__ if callable(getattr(ho_imaging, name))}
    for package in _PACKAGES:
        module = import_module(f"ho_imaging.{package}")
        shown = [name for name in getattr(module, "__all__", ()) if _is_documented(module, name, known)]
        if shown:
            parts.append(f"## ho_imaging.{package}\n")
            parts += [f"::: ho_imaging.{package}.{name}\n" for name in shown]
    return "\n".join(parts)


def _is_documented(module: Any, name: str, known: set[Any]) -> bool:
    thing = getattr(module, name)
    return callable(thing) and thing not in known and bool(thing.__doc__)


def schemas() -> str:
    """Return a table a model of each schema that the program prints."""
    from ho_imaging.cli.schema import _model  # noqa: PLC0415
    from ho_imaging.results.schema import json_schema  # noqa: PLC0415

    parts = [
        "# Schemas\n",
        "JSON Schema, printed by `ho-imaging schema --of KIND`; validate with any JSON Schema library.\n",
    ]
    for kind in _SCHEMAS:
        schema = json_schema(_model(kind))
        parts.append(f"## {kind}\n")
        for name, part in {schema.get("title", kind): schema, **schema.get("$defs", {})}.items():
            parts += _of_schema(name, part)
    return "\n".join(parts)


def _of_schema(name: str, schema: dict[str, Any]) -> list[str]:
    parts = [f"### {name}\n", f"{_plain(schema.get('description', ''))}\n"]
    if "enum" in schema:
        parts.append("One of: " + ", ".join(f"`{value}`" for value in schema["enum"]) + "\n")
    if schema.get("properties"):
        parts.append("| field | type | |\n| --- | --- | --- |")
        for field, value in schema["properties"].items():
            text = _plain(value.get("description", "")).replace("\n", " ").replace("|", "\\|")
            parts.append(f"| `{field}` | {_type(value)} | {text} |")
        parts.append("")
    return parts


def _plain(text: str) -> str:
    """Return prose that Markdown leaves alone."""
    return html.escape(text.replace("``", "`"), quote=False).partition("\n\nParameters\n")[0]


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return " or ".join(f"`{json.dumps(value)}`" for value in schema.get("enum", [schema.get("const")]))
    kind = str(schema.get("type", "any"))
    if kind == "array" and isinstance(schema.get("items"), dict):
        return f"list of {_type(schema['items'])}"
    return kind


def architecture() -> str:
    """Return the picture of the layers that import-linter checks, and a line a package."""
    contract = tomllib.loads((_ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    layers = [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]
    parts = [
        "# Architecture\n",
        "Data moves one way. A layer imports only those below it; packages of one layer do not import each other.\n"
        "import-linter checks it in every run of continuous integration. Stages are pure functions on frozen data\n"
        "classes; disk, network and progress are at the edges (`batch`, `pacs`, `review`, `cli`).\n",
        _picture(layers),
        "| package | |\n| --- | --- |",
    ]
    for layer in layers:
        for name in layer:
            module = import_module(f"ho_imaging.{name}") if name != "__main__" else None
            first = "Run as `python -m ho_imaging`." if module is None else (module.__doc__ or "").splitlines()[0]
            parts.append(f"| `{name}` | {_cell(first.replace('``', '`'))} |")
    return "\n".join(parts) + "\n"


def _picture(layers: list[list[str]]) -> str:
    width, high, gap = 720, 34, 14
    lines = [
        f'<svg viewBox="0 0 {width} {len(layers) * (high + gap)}" role="img" aria-label="Layers of packages" '
        'style="max-width:720px" font-family="sans-serif" font-size="14" text-anchor="middle">'
    ]
    for row, layer in enumerate(layers):
        y, wide = row * (high + gap), width / len(layer)
        for column, name in enumerate(layer):
            x = column * wide
            lines.append(
                f'<rect x="{x + 4:.0f}" y="{y}" width="{wide - 8:.0f}" height="{high}" rx="5" fill="currentColor" '
                f'fill-opacity="0.08" stroke="currentColor"/><text x="{x + wide / 2:.0f}" y="{y + 22}" '
                f'fill="currentColor">{html.escape(name).replace("_", "&#95;")}</text>'
            )
        if row + 1 < len(layers):
            lines.append(f'<text x="{width / 2:.0f}" y="{y + high + gap - 2}" fill="currentColor">↓</text>')
    return "".join([*lines, "</svg>\n"])


def words() -> str:
    """Return the controlled vocabulary as tables."""
    module = import_module("ho_imaging.vocabulary")
    parts = []
    for name in module.__all__:
        thing = getattr(module, name)
        if isinstance(thing, type) and issubclass(thing, StrEnum):
            values = ", ".join(f"`{member.value}`" for member in thing)
            parts.append(f"| {name} | {_cell((thing.__doc__ or '').splitlines()[0])} | {values} |")
    return "\n".join(["| word | what it is | values |", "| --- | --- | --- |", *parts])


def _named(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    if isinstance(nav, dict):
        nav = list(nav.values())
    return [name for part in nav or () for name in _named(part)]
