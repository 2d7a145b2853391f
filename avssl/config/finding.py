"""Configs by name: ``shuffle_learn`` is ``configs/shuffle_learn.yaml``, of the folder one is in or of the project."""

from pathlib import Path

from avssl.config.errors import ConfigError, nearest
from avssl.installed import HOME, configs, is_checkout


def find(word: str) -> str:
    """Return the path of the config that a word of the command line means.

    Args:
        word: a path, or the name of a config, with or without ``configs/`` and ``.yaml``. The path of a file is
            itself; then the current folder's ``configs/`` is asked, then the project's own.

    Raises:
        ConfigError: if there is none, or the word is a folder, such as that of a run.

    Examples:
        >>> Path(find("shuffle_learn")).name
        'shuffle_learn.yaml'
    """
    try:
        is_folder = Path(word).is_dir()
        if Path(word).exists() and not is_folder:
            return word
        names = [word] if word.endswith((".yaml", ".yml")) else [f"{word}.yaml"]
        for folder in (Path("configs"), HOME / "configs", HOME):
            for name in names:
                if (folder / name).is_file():
                    return str(folder / name)
    except (OSError, ValueError):  # longer than a name may be, or with a NUL in it: reading says what is wrong
        return word
    if is_folder:
        raise ConfigError(f"is a folder, and a config is a file{of_run(Path(word))}")
    beside = [path for folder in (Path("configs"), Path(word).parent) for path in sorted(folder.glob("*.y*ml"))]
    known = {path.stem: str(path) for path in beside} | {name: name for name in configs()}
    near = nearest(Path(word).stem, known)
    hint = f" (did you mean {known[near]!r}?)" if near else ""
    asked = "python -m avssl list configs" if is_checkout() else "avssl list configs"
    raise ConfigError(f"there is no such config{hint}; `{asked}` lists them")


def of_run(folder: Path) -> str:
    """Return what is said of a run that was given for a config; nothing of another folder."""
    config = folder / "config.yaml"
    if not config.is_file():
        return ""
    return f"; that of this run is {config}; what asks a run, such as an evaluation, takes it as run={folder}"
