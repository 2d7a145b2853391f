"""A wheel carries tools, configs and data scripts within the package; all else is said in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

LEFT_OUT = shutil.ignore_patterns("__pycache__", "draw_samplers.py")  # which draws a picture of the docs


class WithTools(build_py):
    """Copies the folders beside the package into it; an editable install finds them where they are."""

    def run(self):
        super().run()
        if not self.editable_mode:
            for folder in ("tools", "configs", "datasets"):
                target = Path(self.build_lib, "avssl", folder)
                shutil.copytree(folder, target, dirs_exist_ok=True, ignore=LEFT_OUT)


setup(cmdclass={"build_py": WithTools})
