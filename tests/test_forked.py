"""The process that forks the tests' workers: there is one, whoever asks first."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests import forked


def test_several_threads_ask_first(tmp_path: Path) -> None:
    def exit_code(_: int) -> int:
        with (tmp_path / "out").open("wb") as out:
            return forked.Forked(["--version"], env=os.environ, cwd=tmp_path, out=out).wait(60)

    forked._parent.cache_clear()
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(exit_code, range(3))) == [0, 0, 0]
