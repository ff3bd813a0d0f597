"""Saved networks: the same numbers after loading, and no changed or foreign file is accepted."""

from __future__ import annotations

import json

import numpy as np
import pytest

from phytomass.errors import InputError
from phytomass.models.patch_cnn import AlexNet, ResNet, load_network, precision_error, save_network
from tests.models.patch_cnn.small import SMALL, patches

BANDS = ["B4", "VV", "NDVI"]


@pytest.fixture(scope="module")
def fitted():
    X, y = patches()
    return ResNet(**SMALL, target="sqrt", likelihood="gaussian").fit(X, y - y.min())


@pytest.fixture
def saved(tmp_path, fitted):
    path = tmp_path / "net.safetensors"
    save_network(
        fitted, path, bands=BANDS, band_units=["", "dB", ""], scores={"repeated_kfold": {"r2": 0.6}}
    )
    return path


def test_a_loaded_network_gives_the_same_numbers(saved, fitted):
    X, _ = patches(seed=9)
    loaded, card = load_network(saved, available=["NDVI", "VH", "VV", "B4"], units={"VV": "dB"})
    assert type(loaded) is ResNet
    assert np.array_equal(loaded.predict(X), fitted.predict(X))
    assert np.array_equal(loaded.predict_spread(X), fitted.predict_spread(X))
    assert loaded.get_params() == fitted.get_params()
    assert card.bands == BANDS
    assert card.training_hash == fitted.training_hash_
    assert card.scores["repeated_kfold"]["r2"] == 0.6


def test_saving_twice_gives_the_same_bytes(saved, fitted, tmp_path):
    again = tmp_path / "more" / "net.safetensors"
    save_network(
        fitted,
        again,
        bands=BANDS,
        band_units=["", "dB", ""],
        scores={"repeated_kfold": {"r2": 0.6}},
    )
    assert again.read_bytes() == saved.read_bytes()
    assert again.with_suffix(".json").read_text() == saved.with_suffix(".json").read_text()


@pytest.mark.parametrize("place", [0, 100, -1])
def test_a_changed_byte_is_refused(saved, place):
    content = bytearray(saved.read_bytes())
    content[place] ^= 1
    saved.write_bytes(bytes(content))
    with pytest.raises(InputError, match="SHA-256 differs"):
        load_network(saved)


def test_bands_and_units_must_be_those_of_the_stack(saved):
    with pytest.raises(InputError, match="needs band 'VV', which the stack lacks"):
        load_network(saved, available=["B4", "NDVI"])
    with pytest.raises(InputError, match="VV is in 'linear', the network was trained on 'dB'"):
        load_network(saved, available=BANDS, units={"VV": "linear"})


def _edited(path, **changes):
    card = json.loads(path.with_suffix(".json").read_text())
    card.update(changes)
    path.with_suffix(".json").write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 2}, "update phytomass"),
        ({"model": "os.system"}, "none of ResNet"),
        ({"model": "AlexNet"}, "contradicts itself"),
        ({"format": "pickle"}, "no model card"),
        ({"code": "print(1)"}, "no model card: code"),
        ({"members": 3}, "do not fit the architecture"),
        ({"bands": ["B4", "VV"], "band_units": ["", ""]}, "contradicts itself"),
        ({"parameters": {"filterz": 3}}, "does not fit this phytomass"),
    ],
)
def test_a_card_of_another_kind_is_refused(saved, changes, message):
    _edited(saved, **changes)
    with pytest.raises(InputError, match=message):
        load_network(saved)


def test_missing_and_broken_files(saved, tmp_path):
    with pytest.raises(InputError, match="no such model card"):
        load_network(tmp_path / "other.safetensors")
    saved.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        load_network(saved)
    saved.with_suffix(".json").write_text("{")
    with pytest.raises(InputError, match="is not JSON"):
        load_network(saved)


def test_what_cannot_be_saved(fitted, tmp_path):
    with pytest.raises(InputError, match="2 bands and 2 units for 3 channels"):
        save_network(fitted, tmp_path / "a.safetensors", bands=["B4", "VV"])
    with pytest.raises(InputError, match="must end in"):
        save_network(fitted, tmp_path / "a.pt", bands=BANDS)
    assert not list(tmp_path.iterdir())


def test_weights_of_another_network_are_refused(saved, tmp_path):
    X, y = patches()
    other = tmp_path / "other.safetensors"
    save_network(AlexNet(**SMALL).fit(X, y), other, bands=BANDS)
    sha = json.loads(other.with_suffix(".json").read_text())["weights_sha256"]
    saved.write_bytes(other.read_bytes())
    _edited(saved, weights_sha256=sha)
    with pytest.raises(InputError, match="do not fit the architecture"):
        load_network(saved)


def test_the_card_says_what_bf16_costs(tmp_path):
    X, y = patches(n=60)
    net = ResNet(**SMALL, precision="bf16").fit(X, y)
    error = precision_error(net, X)
    half = net.predict(X)
    whole = net.set_params(precision="fp32").predict(X)
    gap = (half - whole) / whole.std()
    assert error.rms == pytest.approx(np.sqrt((gap**2).mean()))
    assert error.largest == pytest.approx(np.abs(gap).max())
    assert 0 < error.rms < error.largest < 0.5
    net.set_params(precision="bf16")
    path = tmp_path / "net.safetensors"
    save_network(net, path, bands=BANDS, error=error)
    loaded, card = load_network(path)
    assert card.precision_error == {
        "precision": "bf16",
        "rms": error.rms,
        "largest": error.largest,
        "n": 60,
    }
    assert np.array_equal(loaded.predict(X), half)


def test_full_precision_has_no_error_and_many_patches_are_sampled():
    X, y = patches(n=300)
    net = ResNet(**{**SMALL, "n_members": 1, "epochs": 1})
    assert precision_error(net.fit(X, y), X) is None
    assert precision_error(net.set_params(precision="bf16"), X).n == 256
    assert net.precision == "bf16"
