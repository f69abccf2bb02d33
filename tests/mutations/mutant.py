"""Runs one test against a jido_nb of which one line is different: `python mutant.py MODULE OLD NEW TEST`.

The line is changed as the module is loaded, in this process only; no file is touched.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from types import CodeType, ModuleType

import pytest


class Mutation(importlib.abc.MetaPathFinder, importlib.machinery.SourceFileLoader):
    """Finds and loads the one module whose source is changed."""

    def __init__(self, module: str, old: str, new: str) -> None:
        self._module, self._old, self._new = module, old, new

    def find_spec(self, fullname: str, path: object, target: ModuleType | None = None) -> object:
        if fullname != self._module:
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path)
        super().__init__(fullname, found.origin)
        return importlib.util.spec_from_file_location(fullname, found.origin, loader=self)

    def get_code(self, fullname: str) -> CodeType:
        # Not by `source_to_code`, whose result would be kept in the cache of compiled files.
        source = self.get_data(self.path).decode()
        assert source.count(self._old) == 1, f"{self._old!r} is {source.count(self._old)} times in {fullname}"
        return compile(source.replace(self._old, self._new), self.path, "exec")


if __name__ == "__main__":
    module, old, new, *test = sys.argv[1:]
    sys.meta_path.insert(0, Mutation(module, old, new))
    sys.exit(pytest.main(["-n0", "-x", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=line", *test]))
