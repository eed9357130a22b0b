"""Stands in for `sage` in child processes that `multiprocessing` spawns: serves the real names, then steps aside."""

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path


def _serve() -> None:
    if "sage_runtime" not in sys.modules:
        folder = Path(__file__).resolve().parent.parent.parent
        spec = spec_from_file_location("sage_runtime", folder / "__init__.py", submodule_search_locations=[str(folder)])
        assert spec is not None
        assert spec.loader is not None
        package = module_from_spec(spec)
        sys.modules["sage_runtime"] = package
        spec.loader.exec_module(package)
    from sage_runtime.sage_imports import install

    install()
    del sys.modules["sage"]
    import_module("sage")


_serve()
