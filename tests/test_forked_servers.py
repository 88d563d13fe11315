from importlib.util import find_spec

import pytest

from tests.support.process import PRELOADED


@pytest.mark.parametrize("module", PRELOADED)
def test_a_module_that_all_servers_share_exists(module: str) -> None:
    # The process that is forked ignores a missing one, and each server would import it again.
    assert find_spec(module) is not None
