"""What the tests of all formats share."""

import hypothesis
import pytest
from imported_labels import caller

# The same examples in each run, and none kept on disk: `make fuzz` is for new ones.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("same")


@pytest.fixture
def imported(tmp_path, capsys):
    """Calls import_labels, see imported_labels.caller."""
    return caller(tmp_path, capsys)
