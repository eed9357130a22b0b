"""What `import sage…` finds: our modules where SAGE has them, the disk for the rest, a clear word for the others."""

from __future__ import annotations

import importlib
import importlib.util
import py_compile
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from sage_runtime.api.addresses import TABLE, USERS

pytestmark = pytest.mark.usefixtures("served")


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("module", sorted(TABLE))
def test_every_module_of_the_table_has_its_names(module: str) -> None:
    served = importlib.import_module(module)
    assert [name for name in TABLE[module] if not hasattr(served, name)] == []


def test_what_is_around_the_api_is_there_for_somebody() -> None:
    served, used = ({target for names in table.values() for target in names.values()} for table in (TABLE, USERS))
    rooms = ("config", "flows", "monitoring", "scheduling")
    assert {target for target in served if target.partition(":")[0] in rooms} == used


def test_a_module_is_imported_in_every_way() -> None:
    namespace: dict[str, object] = {}
    exec(
        "import sage.core.api.function.map_function\n"
        "from sage.core.api.function import map_function\n"
        "from sage.core.api.function.map_function import MapFunction\n"
        "from sage.core.api.function.map_function import *\n"
        "whole = sage.core.api.function.map_function.MapFunction",
        namespace,
    )
    assert namespace["whole"] is namespace["MapFunction"]
    assert importlib.import_module("sage.core.api.function.map_function") is namespace["map_function"]


def test_a_base_class_is_one_object_at_every_address() -> None:
    addresses = (
        "sage.core.api.function.base_function",
        "sage.kernel.api.function.base_function",
        "sage.common.core.functions.base_function",
        "sage.common.core",
        "sage.foundation",
    )
    assert len({importlib.import_module(address).BaseFunction for address in addresses}) == 1


def test_an_environment_is_of_the_era_of_its_address() -> None:
    addresses = {"sage.core.api.local_environment": 1, "sage.kernel.api.local_environment": 2, "sage.runtime": 3}
    classes = {importlib.import_module(address).LocalEnvironment: era for address, era in addresses.items()}
    assert [cls.era.number for cls in classes] == [1, 2, 3]
    assert {cls.__name__ for cls in classes} == {"LocalEnvironment"}


def test_a_name_can_be_patched_by_its_address() -> None:
    with mock.patch("sage.kernel.facade._get_runtime_backend") as backend:
        importlib.import_module("sage.kernel.facade").create(dict, a=1)
    backend.return_value.create.assert_called_once_with(dict, actor_config=None, a=1)


def test_the_spec_of_a_module_is_honest() -> None:
    leaf = importlib.util.find_spec("sage.core.api.local_environment")
    package = importlib.util.find_spec("sage.core.api")
    assert leaf is not None
    assert package is not None
    assert leaf.loader is not None
    assert leaf.submodule_search_locations is None
    assert package.submodule_search_locations is not None
    assert importlib.util.find_spec("sage.nowhere") is None


def test_nothing_of_another_era_is_imported() -> None:
    script = (
        "import sys; from sage_runtime import sage_imports; sage_imports.install()\n"
        "from sage.core.api.function.map_function import MapFunction\n"
        "print(*sorted(name for name in sys.modules if name.startswith('sage_runtime.api.')))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [
        "sage_runtime.api.addresses",
        "sage_runtime.api.functions",
    ]


@pytest.mark.parametrize(
    "start",
    ["", "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n", "x = 1\n"],
    ids=["empty", "pkgutil", "plain"],
)
def test_what_we_do_not_serve_is_found_on_disk(tmp_path: Path, start: str) -> None:
    write(
        tmp_path, {"sage/__init__.py": start, "sage/apps/greeter.py": "from sage.foundation import MapFunction as M\n"}
    )
    sys.path.insert(0, str(tmp_path))
    assert importlib.import_module("sage.apps.greeter").M is importlib.import_module("sage.foundation").MapFunction


def test_folders_of_several_distributions_are_joined(tmp_path: Path) -> None:
    write(tmp_path, {"one/sage/apps/a.py": "", "two/sage/apps/b.py": "", "two/sage/tools/__init__.py": "kit = 1"})
    sys.path[:0] = [str(tmp_path / "one"), str(tmp_path / "two")]
    for module in ("sage.apps.a", "sage.apps.b", "sage.tools"):
        importlib.import_module(module)


def test_a_folder_added_later_is_found(tmp_path: Path) -> None:
    importlib.import_module("sage.foundation")
    write(tmp_path, {"sage/apps/late.py": ""})
    sys.path.append(str(tmp_path))
    importlib.invalidate_caches()
    importlib.import_module("sage.apps.late")


def test_a_package_we_serve_has_its_children_on_disk(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "sage/libs/__init__.py": "from sage.libs.extra import helper\n",
            "sage/libs/extra.py": "def helper(): return 'from disk'\n",
            "sage/libs/io_utils/sink.py": "raise RuntimeError('the served one wins')\n",
        },
    )
    sys.path.insert(0, str(tmp_path))
    libs = importlib.import_module("sage.libs")
    assert libs.helper() == "from disk"
    assert importlib.import_module("sage.libs.extra").helper is libs.helper
    assert importlib.import_module("sage.libs.io_utils.sink").TerminalSink.__name__ == "TerminalSink"


def test_names_that_we_lack_come_from_the_file_on_disk_and_ours_stay(tmp_path: Path) -> None:
    write(tmp_path, {"sage/stream/__init__.py": "DataStream = ConnectedStreams = 'theirs'\nextra = 'from disk'\n"})
    sys.path.insert(0, str(tmp_path))
    module = importlib.import_module("sage.stream")
    with mock.patch("sage.stream.DataStream", "patched"):
        assert module.extra == "from disk"
        assert module.DataStream == "patched"
    assert module.ConnectedStreams.__name__ == "ConnectedStreams"


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("sage.libs.rag.generator", ["'sage.libs.rag'", "era 1 and 2", "io_utils", "isage-libs"]),
        ("sage.middleware.operators", ["'sage.middleware'", "foundation", "isage-middleware"]),
        ("sage.core.api.windows", ["'sage.core.api.windows'", "era 1", "local_environment", "isage-kernel"]),
        ("sage.runtime.cluster", ["'sage.runtime.cluster'", "era 3", "scheduler", "isage"]),
    ],
)
def test_what_nobody_has_is_named_with_the_package_that_would_provide_it(module: str, said: list[str]) -> None:
    with pytest.raises(ModuleNotFoundError) as error:
        importlib.import_module(module)
    assert error.value.name is not None
    assert module.startswith(error.value.name)
    assert [word for word in said if word not in str(error.value)] == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("from sage.kernel.api import Nothing", ["'Nothing' from 'sage.kernel.api'", "era 2", "isage-kernel"]),
        ("from sage.kernel.api import LocalEnviroment", ["The nearest name there is LocalEnvironment."]),
        ("from sage.runtime import MapFunction", ["era 3", "sage.foundation has it", "isage on PyPI"]),
        ("from sage.core.api.local_environment import MapFunction", ["era 1", "sage.core.api has it"]),
    ],
)
def test_a_missing_name_is_an_import_error_that_names_what_there_is(line: str, said: list[str]) -> None:
    with pytest.raises(ImportError) as error:
        exec(line)
    assert not isinstance(error.value, ModuleNotFoundError)
    assert [words for words in said if words not in str(error.value)] == []


def test_a_missing_attribute_is_an_attribute_error_that_can_be_asked_for() -> None:
    module = importlib.import_module("sage.kernel.api")
    assert (hasattr(module, "Nothing"), getattr(module, "Nothing", 3)) == (False, 3)
    with pytest.raises(AttributeError, match="nearest name there is LocalEnvironment"):
        module.LocalEnviroment  # noqa: B018 - asking is enough


def test_compiled_files_on_disk_have_the_names_that_we_lack(tmp_path: Path) -> None:
    write(tmp_path, {"extra.py": "extra = 'compiled'\n"})
    (tmp_path / "sage" / "stream").mkdir(parents=True)
    py_compile.compile(str(tmp_path / "extra.py"), cfile=str(tmp_path / "sage" / "stream" / "__init__.pyc"))
    sys.path.insert(0, str(tmp_path))
    assert importlib.import_module("sage.stream").extra == "compiled"


def test_the_packages_before_the_first_release_are_served() -> None:
    environments = [
        importlib.import_module(module).LocalEnvironment
        for module in ("sage_core.api.env", "sage.core.api.env", "sage.core.api.local_environment")
    ]
    assert len(set(environments)) == 1
    with pytest.raises(ModuleNotFoundError, match=r"sage_core\.compiler.*sage-tui does not serve it"):
        importlib.import_module("sage_core.compiler")


def test_packages_of_those_names_on_disk_win(tmp_path: Path) -> None:
    write(tmp_path, {"sage_utils/__init__.py": "", "sage_utils/custom_logger.py": "CustomLogger = 'theirs'\n"})
    sys.path.insert(0, str(tmp_path))
    assert importlib.import_module("sage_utils.custom_logger").CustomLogger == "theirs"


def test_other_packages_are_left_alone() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'sagemath'$"):
        importlib.import_module("sagemath")
