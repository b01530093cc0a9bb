"""Run the notebooks and keep what they show: ``python notebooks/refresh.py [NAME...]`` in the root of the repository.

What is kept is small and says nothing of the machine: pictures become JPEG, widgets and messages go.
"""

import base64
import io
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

FOLDER = Path(__file__).parent
MOST_PNG_BYTES = 100_000
LONG_SIDE_PX = 1100
WIDGET = "application/vnd.jupyter.widget-view+json"


def main(names: list[str]) -> None:
    for path in sorted(FOLDER.glob("*.ipynb")):
        if names and path.stem not in names:
            continue
        print(path.name)
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, timeout=3600, resources={"metadata": {"path": str(FOLDER)}}).execute()
        notebook.metadata = {
            "kernelspec": notebook.metadata["kernelspec"],
            "language_info": {"name": "python"},
        }
        for cell in notebook.cells:
            cell.metadata = {}
            if cell.cell_type == "code":
                cell.outputs = [kept for kept in map(shown, cell.outputs) if kept is not None]
        nbformat.write(notebook, path)


def shown(output: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    """Return an output as it is kept; ``None`` for a message or a widget, which needs a kernel."""
    if output.output_type == "stream":
        return output if output.name == "stdout" else None
    if WIDGET in output.get("data", {}):
        return None
    if "image/png" in output.get("data", {}):
        data = base64.b64decode(output.data.pop("image/png"))
        output.data.pop("image/jpeg", None)
        kind, small = ("png", data) if len(data) <= MOST_PNG_BYTES else ("jpeg", jpeg(data))
        output.data[f"image/{kind}"] = base64.b64encode(small).decode()
    output.metadata = {}
    return output


def jpeg(data: bytes) -> bytes:
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    picture.thumbnail((LONG_SIDE_PX, LONG_SIDE_PX))
    made = io.BytesIO()
    picture.save(made, "JPEG", quality=80, optimize=True)
    return made.getvalue()


if __name__ == "__main__":
    main(sys.argv[1:])
