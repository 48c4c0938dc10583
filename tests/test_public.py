"""What the package shows to the world, and what it must not load."""

import importlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import edgebert
import edgebert.errors
from edgebert.errors import EdgebertError, MissingExtraError

ROOT = Path(__file__).resolve().parent.parent


def test_the_public_names_exist_and_are_all():
    assert sorted(edgebert.__all__) == edgebert.__all__
    for name in edgebert.__all__:
        assert getattr(edgebert, name) is not None
    assert dir(edgebert) == edgebert.__all__
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        _ = edgebert.lode


def test_no_module_hides_a_public_function():
    for module in ("edgebert.loader", "edgebert.export", "edgebert.verify", "edgebert.bench"):
        importlib.import_module(module)
    assert callable(edgebert.load)
    assert callable(edgebert.Encoder)


def test_the_version_is_one():
    assert edgebert.__version__ == importlib.metadata.version("edgebert")
    assert f'"{edgebert.__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f"## {edgebert.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_error_is_drawn_in_the_tree():
    for name, value in vars(edgebert.errors).items():
        if isinstance(value, type):
            assert issubclass(value, EdgebertError)
            assert name in (edgebert.errors.__doc__ or "")


def test_a_missing_extra_gives_the_pip_command():
    error = MissingExtraError("torch", "export")
    assert str(error) == 'torch is not installed: pip install "edgebert[export]"'
    assert isinstance(error, ImportError)


def test_export_names_a_package_that_is_missing():
    program = "import sys; sys.modules['torch'] = None; import importlib.util as u; f = u.find_spec\n"
    program += "u.find_spec = lambda n, p=None: None if n == 'torch' else f(n, p)\n"
    program += "from edgebert.errors import MissingExtraError\n"
    program += "try:\n    import edgebert.export\nexcept MissingExtraError as e:\n    print(e)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == 'torch is not installed: pip install "edgebert[export]"\n'


def test_the_readme_names_the_two_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in text
    assert "make test" in text
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
