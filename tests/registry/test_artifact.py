import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from roadbed.core.errors import Invalid
from roadbed.registry.artifact import has_external_data


def external():
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [1], [0.0])
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../secret"
    return tensor


def inside():
    return helper.make_tensor("w", TensorProto.FLOAT, [1], [2.0])


def graph(tensors=(), nodes=()):
    return helper.make_graph(list(nodes), "g", [], [], list(tensors))


def constant(tensor):
    return helper.make_node("Constant", [], ["c"], value=tensor)


def below(tensor):
    return helper.make_node("If", ["x"], ["y"], then_branch=graph([tensor]))


def function(tensor):
    opset = [helper.make_opsetid("", 17)]
    return helper.make_function("own", "F", [], ["c"], [constant(tensor)], opset)


PLACES = {
    "initializer": lambda t: helper.make_model(graph([t])),
    "constant": lambda t: helper.make_model(graph(nodes=[constant(t)])),
    "branch": lambda t: helper.make_model(graph(nodes=[below(t)])),
    "function": lambda t: helper.make_model(graph(), functions=[function(t)]),
}


@pytest.mark.parametrize("place", PLACES)
def test_weights_outside_the_file_are_found_wherever_they_hide(place):
    assert has_external_data(PLACES[place](external()).SerializeToString())
    assert not has_external_data(PLACES[place](inside()).SerializeToString())


@given(st.binary(max_size=200))
def test_any_bytes_are_answered_or_refused(data):
    try:
        assert has_external_data(data) in (True, False)
    except Invalid as error:
        assert "ONNX" in error.message or "nests" in error.message


def test_a_cut_file_is_refused():
    whole = PLACES["initializer"](inside()).SerializeToString()

    with pytest.raises(Invalid, match="cut short"):
        has_external_data(whole[:-3])
