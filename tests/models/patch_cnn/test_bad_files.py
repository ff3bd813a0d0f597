"""Saved networks from anywhere: whatever is wrong is refused with the file, the field and words."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from phytomass.errors import InputError
from phytomass.models.patch_cnn import ResNet, load_network, save_network
from phytomass.models.patch_cnn.architecture import LARGEST
from phytomass.models.patch_cnn.door import device_of
from tests.models.patch_cnn.small import SMALL, patches

Change = Callable[[dict[str, Any]], object]
QUIET = settings(
    max_examples=30, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    X, y = patches(side=3)
    path = tmp_path_factory.mktemp("network") / "net.safetensors"
    save_network(ResNet(**{**SMALL, "epochs": 1}).fit(X, y), path, bands=["B4", "VV", "NDVI"])
    return path


@pytest.fixture
def saved(original: Path, tmp_path: Path) -> Path:
    for suffix in (".safetensors", ".json"):
        shutil.copy(original.with_suffix(suffix), tmp_path)
    return tmp_path / original.name


def card_of(path: Path) -> dict[str, Any]:
    card: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    return card


def sealed(path: Path, content: bytes) -> None:
    """Write weights and their right SHA-256: whoever changes the one can change the other."""
    path.write_bytes(content)
    card = card_of(path) | {"weights_sha256": hashlib.sha256(content).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(card))


def at(*keys: str) -> Callable[[Any], Change]:
    def to(value: Any) -> Change:
        def change(card: dict[str, Any]) -> None:
            for key in keys[:-1]:
                card = card[key]
            card[keys[-1]] = value

        return change

    return to


architecture, target, parameters = (
    lambda key, value, part=part: at(part, key)(value)
    for part in ("architecture", "target", "parameters")
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (architecture("filters", 10**9), r"architecture: filters is 1000000000 .*1 to 4096"),
        (architecture("filters", -4), "architecture: filters is -4"),
        (architecture("filters", 0), "architecture: filters is 0"),
        (architecture("filters", 4.5), "architecture: .*filters"),
        (architecture("filters", True), "architecture: .*filters"),
        (architecture("filters", "4"), "architecture: .*filters"),
        (architecture("growth", 10**6), "architecture: growth is 1000000"),
        (architecture("dense", 10**6), "architecture: dense is 1000000"),
        (architecture("channels", 10**9), "contradicts itself|channels is 1000000000"),
        (architecture("channels", 4), "contradicts itself.*3 bands.*4 channels"),
        (architecture("patch", 10**7 + 1), "architecture: patch is 10000001"),
        (architecture("patch", 8), "a patch of 8 pixels"),
        (architecture("patch", -9), "architecture: patch is -9"),
        (architecture("outputs", 0), "architecture: outputs is 0"),
        (architecture("outputs", 3), "architecture: outputs is 3"),
        (architecture("dropout", 1.0), "architecture: dropout is 1.0"),
        (architecture("dropout", -0.1), "architecture: dropout is -0.1"),
        (architecture("kind", "transformer"), "architecture: .*kind"),
        (architecture("kind", "vgg"), "contradicts itself: a ResNet.*vgg"),
        (architecture("family", "../paper"), "architecture: .*family"),
        (architecture("layers", 3), "architecture: .*layers"),
        (lambda card: card["architecture"].pop("channels"), "architecture: .*channels"),
        (parameters("n_members", "five"), "parameters: .*n_members"),
        (parameters("batch_size", 0), "parameters: .*batch_size: is 0"),
        (parameters("precision", "int4"), "parameters: .*precision: is 'int4'"),
        (parameters("target", "exp"), "parameters: .*target"),
        (parameters("__class__", "os.system"), "parameters: .*__class__"),
        (parameters("device", ["cuda"]), "no model card: parameters: device"),
        (target("sd", 0.0), "target: .*sd is 0"),
        (target("sd", "wide"), "target: .*sd"),
        (target("transform", "exp"), "target: .*transform"),
        (target("ceiling", 9.0), "target: .*ceiling"),
        (at("members")(10**9), "no model card: members"),
        (at("members")(0), "no model card: members"),
        (at("members")(-1), "no model card: members"),
        (at("members")(1), r"do not fit the architecture of the card: .*'1/.* is foreign"),
        (at("n_train")(-1), "no model card: n_train"),
        (at("bands")([]), "no model card: bands"),
        (at("bands")(["B4", "B4", "VV"]), "bands names a band twice"),
        (at("bands")([1, 2, 3]), "no model card: bands: 0"),
        (at("band_units")(["dB"]), "band_units has 1 entries for 3 bands"),
        (at("mean")([0.0]), "mean has 1 entries for 3 bands"),
        (at("sd")([1.0] * 4), "sd has 4 entries for 3 bands"),
        (at("sd")([1.0, 0.0, 1.0]), "no model card: sd: 1"),
        (at("sd")([1.0, -2.0, 1.0]), "no model card: sd: 1"),
        (at("mean")([0.0, "x", 0.0]), "no model card: mean: 1"),
        (at("weights")("../../etc/passwd"), "weights: '../../etc/passwd' is no name"),
        (at("weights")("/root/a.safetensors"), "weights: '/root/a.safetensors' is no name"),
        (at("weights")("..\\a.safetensors"), "weights: .* is no name"),
        (at("weights_sha256")("0"), "no model card: weights_sha256"),
        (at("weights_sha256")("0" * 64), "SHA-256 differs"),
        (at("format_version")(2), "has format version 2.*update phytomass"),
        (at("format_version")(10**30), "has format version 1000.*update phytomass"),
        (at("format_version")(0), "no model card: format_version: 0"),
        (at("format_version")(True), "no model card: format_version"),
        (at("model")("torch.nn.Module"), "model 'torch.nn.Module' is none of ResNet"),
        (at("model")("PixelNet"), "contradicts itself: a PixelNet"),
        (lambda card: card.clear(), "no model card: phytomass: Field required"),
    ],
)
def test_a_card_is_refused_by_file_and_field(saved: Path, change: Change, said: str) -> None:
    card = card_of(saved)
    change(card)
    saved.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(InputError, match=said) as refused:
        load_network(saved)
    assert "/net." in str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it has 0 bytes"),
        (b"\xff\xfe{\x00}\x00", "no UTF-8 text"),
        (b"\x80\x04K\x01.", "no UTF-8 text"),
        (b'{"format": ', "is not JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"scores":' * 50_000 + b"1" + b"}" * 50_000, "nested too deeply"),
        (b"[1, 2]", "is no model card"),
        (b"null", "is no model card"),
        (b'{"members": 1, "members": 2}', "key 'members' stands there twice"),
        (b'{"scores": {"r2": 1, "r2": 2}}', "key 'r2' stands there twice"),
        (b'{"mean": [NaN]}', "NaN is no number of JSON"),
        (b'{"mean": [-Infinity]}', "-Infinity is no number of JSON"),
        (b'{"n_train": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b" " * 10_000_001, "it has 10000001 bytes"),
    ],
)
def test_what_is_no_card_is_refused(saved: Path, content: bytes, said: str) -> None:
    saved.with_suffix(".json").write_bytes(content)
    with pytest.raises(InputError, match=said) as refused:
        load_network(saved)
    assert "net.json" in str(refused.value)


def test_a_number_too_large_for_a_float_is_refused(saved: Path) -> None:
    card = saved.with_suffix(".json").read_text().replace('"mean": [', '"mean": [1e999, ', 1)
    saved.with_suffix(".json").write_text(card)
    with pytest.raises(InputError, match="no model card: mean: 0"):
        load_network(saved)


def test_what_is_no_file_is_refused_and_not_waited_for(saved: Path) -> None:
    for suffix in (".json", ".safetensors"):
        path = saved.with_suffix(suffix)
        content = path.read_bytes()
        path.unlink()
        path.mkdir()
        with pytest.raises(InputError, match=rf"{suffix}: cannot be read"):
            load_network(saved)
        path.rmdir()
        os.mkfifo(path)
        with pytest.raises(InputError, match=rf"{suffix}: cannot be read"):
            load_network(saved)
        path.unlink()
        path.write_bytes(content)
    load_network(saved)
    with pytest.raises(InputError, match="must end in"):
        load_network(saved.with_suffix(".pt"))


NAME = "0/0.body.0.weight"


def other_dtype(tensors: dict[str, np.ndarray], dtype: str) -> None:
    tensors[NAME] = tensors[NAME].astype(dtype)


def with_value(tensors: dict[str, np.ndarray], name: str, value: float) -> None:
    tensors[name] = tensors[name].copy()
    tensors[name].flat[0] = value


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop(NAME), f"{NAME} is missing"),
        (lambda t: t.update({"0/more": np.zeros(1, np.float32)}), "'0/more' is foreign"),
        (lambda t: t.update({"../../x": np.zeros(1, np.int8)}), "'../../x' is foreign"),
        (lambda t: t.update({NAME + "s": t.pop(NAME)}), f"{NAME} is missing; '{NAME}s' is foreign"),
        (lambda t: t.update({NAME: t[NAME].T.copy()}), f"{NAME} has shape"),
        (lambda t: t.update({NAME: t[NAME].ravel()}), f"{NAME} has shape"),
        (lambda t: t.update({NAME: t[NAME].view(np.int32)}), f"{NAME} is int32, expected float32"),
        (lambda t: other_dtype(t, "float64"), f"{NAME} is float64, expected float32"),
        (lambda t: other_dtype(t, "float16"), f"{NAME} is float16, expected float32"),
        (lambda t: with_value(t, NAME, np.nan), f"{NAME} holds values that are not finite"),
        (lambda t: with_value(t, NAME, -np.inf), f"{NAME} holds values that are not finite"),
        (
            lambda t: with_value(t, "1/0.body.1.running_var", -1e-3),
            "1/0.body.1.running_var holds a variance below 0",
        ),
        (lambda t: [t.pop(k) for k in list(t) if k.startswith("1/")], r"it has \d+ bytes"),
        (
            lambda t: t.update({"2/x": np.zeros(10**6, np.float32)}),
            r"do not fit.*: it has \d+ bytes",
        ),
    ],
)
def test_foreign_weights_are_refused_by_name(saved: Path, change: Change, said: str) -> None:
    tensors = dict(load(saved.read_bytes()))
    change(tensors)
    sealed(saved, save(tensors))
    with pytest.raises(InputError, match=said) as refused:
        load_network(saved)
    assert "net.safetensors" in str(refused.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c[:-4],
        lambda c: c + b"\0" * 4,
        lambda c: b"\xff" * 8 + c[8:],
        lambda c: (10**12).to_bytes(8, "little") + c[8:],
        lambda c: (0).to_bytes(8, "little") + c[8:],
        lambda c: c.replace(b'"F32"', b'"F99"', 1),
        lambda c: c.replace(b'"F32"', b'"F8_E4M3"', 1).replace(b"    ", b"", 1),
        lambda c: c.replace(b'"BF1', b'"F32', 1).replace(b'"I64"', b'"U64"', 1),
        lambda c: c.replace(b'"shape":[', b'"shape":[-', 1),
        lambda c: c.replace(b'"shape":[4', b'"shape":[9', 1),
        lambda c: c.replace(b'"data_offsets":[0', b'"data_offsets":[4', 1),
        lambda c: b"PK\x03\x04" + c[4:],  # a zip: torch.save's files are one
    ],
)
def test_damaged_weights_are_refused(saved: Path, change: Callable[[bytes], bytes]) -> None:
    content = saved.read_bytes()
    changed = change(content)
    assert changed != content
    sealed(saved, changed)
    with pytest.raises(InputError, match=r"net\.safetensors: "):
        load_network(saved)


def test_a_huge_network_is_refused_before_anything_is_allocated(saved: Path) -> None:
    card = card_of(saved)
    for name, most in LARGEST.items():
        if name not in ("channels", "patch"):
            card["architecture"][name] = most
    card["members"] = 100
    saved.with_suffix(".json").write_text(json.dumps(card))
    tracemalloc.start()
    with pytest.raises(InputError, match=r"do not fit .*: it has \d+ bytes"):
        load_network(saved)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6


@pytest.mark.parametrize("name", ["", "gpu", "cuda:x", "cuda:99", "cpu:7", "cpu:0:1"])
def test_devices_that_are_not_there(name: str) -> None:
    with pytest.raises(InputError, match=r"no device .*use auto"):
        device_of(name)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def loads_or_is_refused(path: Path) -> None:
    """What is accepted must predict; everything else is an error of ours, and no other."""
    try:
        model, _ = load_network(path)
        side = min(model.architecture_.patch, 21)
        found = model.predict(np.zeros((1, model.n_features_in_, side, side)))
        assert found.shape == (1,)
    except InputError as error:
        assert str(error)


@QUIET
@given(data=st.data())
def test_any_value_anywhere_in_a_card(saved: Path, original: Path, data: st.DataObject) -> None:
    card = copy.deepcopy(card_of(original))
    place = card
    key = data.draw(st.sampled_from(sorted(card)))
    while isinstance(place[key], dict) and place[key] and data.draw(st.booleans()):
        place = place[key]
        key = data.draw(st.sampled_from(sorted(place)))
    place[key] = data.draw(VALUES)
    saved.with_suffix(".json").write_text(json.dumps(card))
    loads_or_is_refused(saved)


@QUIET
@given(where=st.integers(0, 10**6), put=st.binary(min_size=1, max_size=4), cut=st.booleans())
def test_any_bytes_in_a_card(
    saved: Path, original: Path, where: int, put: bytes, cut: bool
) -> None:
    content = original.with_suffix(".json").read_bytes()
    where %= len(content)
    rest = b"" if cut else content[where + len(put) :]
    saved.with_suffix(".json").write_bytes(content[:where] + put + rest)
    loads_or_is_refused(saved)


@QUIET
@given(where=st.integers(0, 10**6), put=st.binary(min_size=1, max_size=4), header=st.booleans())
def test_any_bytes_in_the_weights(
    saved: Path, original: Path, where: int, put: bytes, header: bool
) -> None:
    content = original.read_bytes()
    where %= 8 + int.from_bytes(content[:8], "little") if header else len(content)
    shutil.copy(original.with_suffix(".json"), saved.parent)
    sealed(saved, content[:where] + put + content[where + len(put) :])
    loads_or_is_refused(saved)
