"""What the tests of all formats share."""
import pytest
from imported_labels import caller


@pytest.fixture
def imported(tmp_path, capsys):
    """Calls import_labels, see imported_labels.caller."""
    return caller(tmp_path, capsys)
