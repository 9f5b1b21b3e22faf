"""The services of the node: what their handlers say that they take and give."""

import typing

import pytest
from std_srvs.srv import SetBool, Trigger

from rt_seg.ros.node.services import Services
from rt_seg.srv import GetObjects, LoadModel

HANDLERS = {
    "_on_enable": SetBool, "_on_get_objects": GetObjects, "_on_save_frame": Trigger, "_on_load_model": LoadModel,
}  # fmt: skip


@pytest.mark.parametrize("name", HANDLERS)
def test_a_handler_takes_the_request_of_its_service_and_gives_its_response(name):
    hints = typing.get_type_hints(getattr(Services, name))
    service = HANDLERS[name]
    assert (hints["request"], hints["return"]) == (service._request_class, service._response_class)


def test_every_handler_is_looked_at():
    assert {name for name in vars(Services) if name.startswith("_on_")} == set(HANDLERS)
