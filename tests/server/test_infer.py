"""The Open Inference Protocol, spoken by the real Triton client."""

import json

import numpy as np
import pytest
import tritonclient.http as oip
from tritonclient.utils import InferenceServerException

from tests.server.house import KEY


@pytest.fixture
def headers():
    """A fresh one each time: the client adds to what it is given."""
    return {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
def client(house):
    made = oip.InferenceServerClient(house.url.removeprefix("http://"))
    yield made
    made.close()


def tensor(values, name="x", datatype="FP32", binary=True):
    given = oip.InferInput(name, list(values.shape), datatype)
    given.set_data_from_numpy(values, binary_data=binary)
    return given


ROW = np.array([[1.5, -2.25]], dtype=np.float32)


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False, None])
def test_tensors_come_back_as_they_went(client, headers, house, binary_in, binary_out):
    outputs = None
    if binary_out is not None:
        outputs = [oip.InferRequestedOutput("x", binary_data=binary_out)]
    answer = client.infer(
        "adds", [tensor(ROW, binary=binary_in)], outputs=outputs, headers=headers
    )
    told = answer.get_response()

    assert np.array_equal(answer.as_numpy("x"), ROW)
    assert ("data" in told["outputs"][0]) == (binary_out is False)
    assert house.last(told["parameters"]["roadbed_call"]).status == "ok"


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize(
    ("datatype", "values"),
    [
        ("BOOL", np.array([True, False])),
        ("UINT8", np.array([0, 255], dtype=np.uint8)),
        ("INT64", np.array([-(2**63), 2**63 - 1])),
        ("FP16", np.array([0.5, -1.0], dtype=np.float16)),
        ("FP64", np.array([1e300, -0.1])),
        ("BYTES", np.array([b"caf\xc3\xa9", b""], dtype=np.object_)),
    ],
)
def test_every_datatype_travels(client, headers, datatype, values, binary):
    outputs = [oip.InferRequestedOutput("x", binary_data=binary)]
    given = tensor(values, datatype=datatype, binary=binary)
    answer = client.infer("adds", [given], outputs=outputs, headers=headers)
    got = answer.as_numpy("x")
    if datatype == "BYTES" and not binary:
        got = np.array([v.encode() for v in got.tolist()], dtype=np.object_)

    assert np.array_equal(got, values)


def test_json_and_binary_inputs_mix(client, headers):
    inputs = [
        tensor(ROW, "a"),
        tensor(ROW * 2, "b", binary=False),
        tensor(ROW * 3, "c"),
    ]
    answer = client.infer("adds", inputs, headers=headers)

    assert np.array_equal(answer.as_numpy("b"), ROW * 2)
    assert np.array_equal(answer.as_numpy("c"), ROW * 3)


def test_the_request_id_and_the_version_come_back(client, headers):
    answer = client.infer(
        "adds", [tensor(ROW)], model_version="3", request_id="r-1", headers=headers
    )

    assert answer.get_response()["id"] == "r-1"
    assert answer.get_response()["model_version"] == "3"


def test_metadata_and_health_are_what_the_client_expects(client, headers):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("adds", headers=headers)
    assert client.is_model_ready("adds", "3", headers=headers)
    assert not client.is_model_ready("adds", "4", headers=headers)
    assert client.get_model_metadata("adds", headers=headers)["versions"] == ["3"]
    assert "binary_tensor_data" in client.get_server_metadata(headers)["extensions"]


@pytest.mark.parametrize(
    ("model", "version", "said"),
    [
        ("nobody", "", "no endpoint"),
        ("adds", "9", "not 9"),
        ("adds", "x", "x"),
    ],
)
def test_what_is_not_served_is_not_found(client, headers, model, version, said):
    with pytest.raises(InferenceServerException, match=said) as raised:
        client.infer(model, [tensor(ROW)], model_version=version, headers=headers)

    assert raised.value.status() == "404"


def test_an_endpoint_that_could_not_be_loaded_is_not_ready(client, headers):
    assert not client.is_model_ready("hurt", headers=headers)


X = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "inputs"),
        ({"inputs": []}, "inputs is empty"),
        ({"inputs": [X, X]}, "more than once"),
        ({"inputs": [{**X, "name": 3}]}, "wrong shape"),
        ({"inputs": [{k: v for k, v in X.items() if k != "name"}]}, "name"),
        ({"inputs": [{**X, "datatype": "FP31"}]}, "FP31"),
        ({"inputs": [{**X, "shape": [1, 3]}]}, "needs 3 elements, got 2"),
        ({"inputs": [{**X, "shape": [-1, 2]}]}, "negative"),
        ({"inputs": [{**X, "shape": [2**62, 2**62]}]}, "more than"),
        ({"inputs": [{**X, "shape": [1] * 99}]}, "wrong shape"),
        ({"inputs": [{**X, "data": ["a", "b"]}]}, "does not fit"),
        ({"inputs": [{**X, "datatype": "INT8", "data": [1, 300]}]}, "does not fit"),
        ({"inputs": [{k: v for k, v in X.items() if k != "data"}]}, "no data"),
        ({"inputs": [{**X, "parameters": {"binary_data_size": 8}}]}, "both"),
        ({"inputs": [X], "outputs": [{"name": "x"}, {"name": "x"}]}, "more than once"),
        (
            {"inputs": [{**X, "parameters": {"shared_memory_region": "r"}}]},
            "not offered",
        ),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(house, post, body, said):
    status, headers, told = post("/v2/models/adds/infer", json.dumps(body).encode())

    assert status == 400
    assert said in json.loads(told)["error"]
    assert house.last(headers["x-roadbed-call"]).error == "invalid"


BINARY = {**{k: v for k, v in X.items() if k != "data"}}


@pytest.mark.parametrize(
    ("size", "tail", "length", "said"),
    [
        (8, b"1234", None, "only 4 bytes are left"),
        (4, b"1234", None, "needs 2 elements, got 1"),
        (8, b"123456789", None, "belong to no input"),
        (-8, b"", None, "count of bytes"),
        (True, b"", None, "count of bytes"),
        (7, b"1234567", None, "no whole number"),
        (8, b"12345678", "", "without the header"),
        (8, b"12345678", "9999", "but the body has"),
        (8, b"12345678", "0", "raw binary"),
        (8, b"12345678", "1e3", "not a number"),
    ],
)
def test_wrong_binary_data_is_told_what_is_wrong(post, size, tail, length, said):
    given = {**BINARY, "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [given]}).encode()
    if length is None:
        length = str(len(head))
    extra = {"Inference-Header-Content-Length": length} if length else {}
    body = head if length == "" else head + tail
    status, _, told = post("/v2/models/adds/infer", body, extra)

    assert status == 400
    assert said in json.loads(told)["error"]
