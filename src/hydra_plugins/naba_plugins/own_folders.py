"""Own YAML files come before naba's, and cannot make Hydra run code.

Hydra reads `hydra.searchpath` after the folder of the program, so that an own file of a shipped name would lose; a
plug-in can put folders first. `require_plain` refuses files that say more than an experiment does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import SearchPathQuery
from hydra.plugins.search_path_plugin import SearchPathPlugin

from naba import files
from naba.config.folders import folders, require_plain, yaml_path

if TYPE_CHECKING:
    from hydra.core.config_search_path import ConfigSearchPath
    from hydra.plugins.config_source import ConfigResult

SCHEME = "naba-own"


class OwnFolder(FileConfigSource):
    """A user's folder of YAML files."""

    @staticmethod
    def scheme() -> str:
        """Of the addresses in Hydra's search path."""
        return SCHEME

    def load_config(self, config_path: str) -> ConfigResult:
        """The file, once it has been looked at."""
        name = self._normalize_file_name(config_path)
        path = Path(self.path) / name
        require_plain(path, name)
        group, _, choice = name.removesuffix(".yaml").rpartition("/")
        yaml_path(group, choice)  # says which other file this one takes the place of
        return super().load_config(config_path)

    def is_config(self, config_path: str) -> bool:
        """Is it there? `train.yaml` is always naba's: a folder `conf` may belong to another program."""
        return "/" in config_path.strip("/") and super().is_config(config_path)


class OwnFolders(SearchPathPlugin):
    """Puts a user's folders before naba's, and leaves other programs that use Hydra alone."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra at each start."""
        shipped = files.shipped("conf").resolve()
        main = [part.path for part in search_path.get_path() if part.provider == "main"]
        if not any(Path(path.removeprefix("file://")).resolve() == shipped for path in main):
            return
        for folder in folders()[:-1]:
            search_path.prepend("naba", f"{SCHEME}://{folder}", SearchPathQuery(provider="main"))
