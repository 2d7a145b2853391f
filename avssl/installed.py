"""Where tools, configs and data scripts are, and how a person calls them: from a checkout, or installed without one."""

import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
HOME = PACKAGE if (PACKAGE / "tools").is_dir() else PACKAGE.parent  # a wheel carries them within


def is_checkout() -> bool:
    """Tell whether the package lies in a checkout, beside its tools."""
    return HOME != PACKAGE


def tool(name: str) -> str:
    """Return how a person calls a tool: ``python tools/eval_probe.py``, or ``avssl eval probe`` without a checkout."""
    return f"python tools/{name}.py" if is_checkout() else f"avssl {spoken(name)}"


def prepare(data: str) -> str:
    """Return how a person prepares a data set."""
    return f"python datasets/{data}/prepare.py" if is_checkout() else f"avssl prepare {data}"


def extra(name: str) -> str:
    """Return how a person installs what a part needs beyond the rest, an extra of the package."""
    wanted = f'-e ".[{name}]"' if is_checkout() else f'"avssl[{name}]"'
    return f"{Path(sys.executable).name} -m pip install {wanted}"


def spoken(name: str) -> str:
    """Return the words of the command line that mean a tool.

    Examples:
        >>> spoken("eval_sound_probe"), spoken("train")
        ('eval sound_probe', 'train')
    """
    first, _, rest = name.partition("_")
    return f"{first} {rest}" if first in {"eval", "audit", "score", "compare", "data", "draw"} and rest else name


def tools() -> dict[str, Path]:
    """Return every tool by name."""
    return {path.stem: path for path in sorted((HOME / "tools").glob("*.py"))}


def configs() -> dict[str, Path]:
    """Return every config by name."""
    return {path.stem: path for path in sorted((HOME / "configs").glob("*.yaml"))}


def datasets() -> dict[str, Path]:
    """Return the script of every data set that can be prepared."""
    return {path.parent.name: path for path in sorted((HOME / "datasets").glob("*/prepare.py"))}
