"""Artifacts are known by their bytes; what runs code is refused under any name."""

import bz2
import gzip
import io
import itertools
import json
import lzma
import pickle
import struct
import tarfile
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
import safetensors.numpy
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression
from xgboost import XGBClassifier

from roadbed.core.errors import Invalid
from roadbed.registry.recognise import RefusedFormat, names, recognise

ROWS = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]] * 10)
LABELS = np.array([0, 1, 1, 0] * 10)


def onnx():
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2])
        for name in ("input", "out")
    ]
    node = helper.make_node("Identity", ["input"], ["out"])
    graph = helper.make_graph([node], "g", ports[:1], ports[1:])
    return helper.make_model(graph).SerializeToString()


def lightgbm():
    model = LGBMClassifier(n_estimators=2, min_child_samples=1, verbose=-1)
    return model.fit(ROWS, LABELS).booster_.model_to_string().encode()


def xgboost(kind):
    model = XGBClassifier(n_estimators=2).fit(ROWS, LABELS)
    return bytes(model.get_booster().save_raw(kind))


@pytest.fixture(scope="module")
def whole():
    """One true artifact of each format, by its name and a word."""
    sklearn = LogisticRegression().fit(ROWS, LABELS)
    return {
        ("onnx", ""): onnx(),
        ("lightgbm", ""): lightgbm(),
        ("xgboost", "json"): xgboost("json"),
        ("xgboost", "ubj"): xgboost("ubj"),
        ("safetensors", ""): safetensors.numpy.save({"w": ROWS, "b": LABELS}),
        ("skops", ""): skops.io.dumps(sklearn),
    }


def test_each_format_is_known_by_its_bytes(whole):
    assert names() == ["lightgbm", "onnx", "safetensors", "skops", "xgboost"]
    for (name, _), data in whole.items():
        assert recognise(io.BytesIO(data), ours=True) == name


def test_skops_is_taken_only_from_our_own_runs(whole):
    with pytest.raises(RefusedFormat, match="only from a run of this line"):
        recognise(io.BytesIO(whole["skops", ""]))


def test_what_is_cut_short_is_not_whole(whole):
    for (name, word), data in whole.items():
        if (name, word) == ("xgboost", "ubj"):
            continue  # It ends with what an inner object may end with, too.
        with pytest.raises(RefusedFormat):
            recognise(io.BytesIO(data[: len(data) // 2]), ours=True)


class Evil:
    def __reduce__(self):
        return (print, ("pwned",))


PICKLES = [Evil(), {"a": Evil()}, [1, "x"], LogisticRegression().fit(ROWS, LABELS)]
PACKERS = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zip": lambda data: zipped({"archive/data.bin": data}),
    "gzip twice": lambda data: gzip.compress(gzip.compress(data)),
    "zip in a zip": lambda data: zipped({"a": zipped({"b": data})}),
    "in a skops": lambda data: zipped(
        {"schema.json": b'{"_skops_version":"0"}', "0.npy": data}
    ),
}


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("packed", PACKERS)
def test_a_pickle_is_refused_whatever_it_is_called(packed):
    for thing, protocol in itertools.product(PICKLES, range(6)):
        data = PACKERS[packed](pickle.dumps(thing, protocol))
        with pytest.raises(RefusedFormat, match="pickle") as caught:
            recognise(io.BytesIO(data), ours=True)
        assert "pwned" not in str(caught.value)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x) | st.tuples(x, x),
    max_leaves=8,
)


@settings(max_examples=25)
@given(PLAIN, st.integers(0, 5), st.sampled_from(sorted(PACKERS)))
def test_no_pickle_of_anything_is_taken(thing, protocol, packed):
    data = PACKERS[packed](pickle.dumps(thing, protocol))
    with pytest.raises(RefusedFormat):
        recognise(io.BytesIO(data), ours=True)


STARTS = [b"", b"\x80\x04", b"PK\x03\x04", b"\x08", b"{", b"{L", b"\x1f\x8b", b"x\x9c"]
STARTS += [b"tree\nversion=v4\n", b"\x10" + b"\0" * 7 + b"{", b"\x93NUMPY", b"cos\n"]


@settings(max_examples=40)
@given(st.binary(max_size=600), st.sampled_from(STARTS))
def test_of_noise_nothing_is_said_but_that_it_is_refused(data, start):
    try:
        # Text that begins and ends as a booster's does is for its library to judge.
        assert recognise(io.BytesIO(start + data), ours=True) == "lightgbm"
    except RefusedFormat as error:
        assert error.message


@settings(max_examples=25)
@given(st.data())
def test_a_damaged_artifact_is_refused_in_words_or_still_of_its_format(whole, data):
    (name, _), good = data.draw(st.sampled_from(list(whole.items())))
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + bytes([data.draw(st.integers(0, 255))]) + good[at + 1 :]
    try:
        assert recognise(io.BytesIO(bad), ours=True) == name
    except Invalid as error:
        assert error.message


def test_other_files_that_may_run_code_are_refused_with_the_reason():
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as file:
        file.addfile(tarfile.TarInfo("pickle"))
    objects = io.BytesIO()
    np.save(objects, np.array([Evil()], dtype=object), allow_pickle=True)
    for data, word in (
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 100, "HDF5"),
        (tar.getvalue(), "tar"),
        (objects.getvalue(), "array of objects"),
        (zipped({"x.npy": objects.getvalue()}), "array of objects"),
        (zipped({"config.json": b'{"class_name": "Lambda"}'}), "no place in it"),
        (b"\x04\x22\x4d\x18" + b"\0" * 20, "LZ4"),
    ):
        with pytest.raises(RefusedFormat, match=word):
            recognise(io.BytesIO(data), ours=True)


@pytest.mark.parametrize("packed", ["gzip", "zlib", "bz2", "xz", "zip"])
def test_a_bomb_is_not_unpacked(packed):
    data = PACKERS[packed](b"\0" * 8_000_000)
    tracemalloc.start()
    with pytest.raises(RefusedFormat):
        recognise(io.BytesIO(data), ours=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    dictionary = 8_400_000 if packed == "xz" else 0
    assert peak < 4_000_000 + dictionary


def test_safetensors_that_point_elsewhere_are_refused():
    for offsets, shape in (([0, 8], [4]), ([8, 16], [2]), ([0, -8], [2])):
        tensor = {"dtype": "F32", "shape": shape, "data_offsets": offsets}
        header = json.dumps({"w": tensor}).encode()
        data = struct.pack("<Q", len(header)) + header + b"\0" * 8
        with pytest.raises(RefusedFormat, match="safetensors"):
            recognise(io.BytesIO(data))
