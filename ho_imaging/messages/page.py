"""The catalogue as a page of the documentation: ``python -m ho_imaging.messages.page > docs/messages.md``."""

from __future__ import annotations

import sys

from ho_imaging.messages.catalogue import SECTIONS
from ho_imaging.messages.entry import Entry

__all__ = ["page"]

_HEAD = """# Messages

Reasons, warnings, quality flags and what a grade rests on are stored in results as a code with parameters, never as
text. This page lists every code. It is generated from the catalogue (`python -m ho_imaging.messages.page`).

```python
result = ho_imaging.analyze("film.dcm")
if result.reason is not None:
    print(result.reason.code, result.reason.parameters)
    print(result.reason)  # English
    print(result.reason.text("de"))  # German
```

- A message has a `code`, `parameters` by name, and `also`: further messages that belong to it, such as how likely
  another grade is. A parameter is text, a number, a message, or several texts or messages.
- Compare codes, not texts: texts may be reworded, codes stay.
- A result of a newer version may have a code that is not listed here. Its text is then the code with its parameters.
- Tables have `reason` (English) and `reason_code`; so have the JSON lines that commands print.
- In the tables below a placeholder is a parameter. Behind its colon stands how it is written: `.1f` with one decimal,
  `%` in percent, `word` as a word of the vocabulary, `words` and `or` as a list, `?one|several` the first text for one
  of them, else the second. Text in brackets is what can be done.
- Codes with a dot are parts of other messages.
"""


def page() -> str:
    """Return the page.

    Returns
    -------
    str
        Markdown: a table of codes for each section of the catalogue.

    """
    parts = [_HEAD]
    for title, entries in SECTIONS.items():
        parts.append(f"\n## {title.rstrip('.')}\n\n| code | text | for |\n|---|---|---|\n")
        parts += [f"| `{code}` | {_cell(_text(entry))} | {_cell(entry.note)} |\n" for code, entry in entries.items()]
    return "".join(parts)


def _text(entry: Entry) -> str:
    return f"{entry.text} ({entry.remedy})" if entry.remedy else entry.text


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())
