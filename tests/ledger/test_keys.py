"""Keys as files: both types, names, modes, encryption, damage, destruction; and the server's vault."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.keys.store import Ed25519Key, EvmKey, KeyStore
from ledger.keys.vault import Vault
from verifier.errors import CarnetError, Malformed, NotFound, ProofInvalid, Refused, Unavailable
from verifier.record.statement import Domain, Kind, digest, header, recover, sign


@pytest.fixture(autouse=True)
def _no_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CARNET_KEY_PASSPHRASE", raising=False)
    monkeypatch.delenv("CARNET_KEY_PASSPHRASE_FILE", raising=False)


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys")


def test_an_evm_key_signs_after_it_was_loaded(store: KeyStore) -> None:
    made = store.create_evm("maker-1")
    loaded = store.load_evm("maker-1")
    assert loaded == made
    assert Account.from_key(loaded.secret).address.lower() == made.address
    body = {**header(1_800_000_000_000), "target": "0x" + "00" * 32, "reason": "typed wrongly"}
    domain = Domain(31337, "0x" + "11" * 20, bytes(32))
    signature = sign(Kind.UNDONE, body, domain, loaded.secret)
    assert recover(digest(Kind.UNDONE, body, domain), signature) == made.address


def test_an_ed25519_key_signs_after_it_was_loaded(store: KeyStore) -> None:
    made = store.create_ed25519("log")
    loaded = store.load_ed25519("log")
    assert loaded == made
    assert loaded.note_key("example.org/log").verifier.public == made.public


def test_given_secrets_are_taken_over(store: KeyStore) -> None:
    assert store.create_evm("one", (1).to_bytes(32, "big")).address == "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf"
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")  # RFC 8032 7.1 test 1
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert store.create_ed25519("two", seed).public.hex() == public


@pytest.mark.parametrize("secret", [b"short", bytes(31) + b"", b"\xff" * 32, b"\0" * 32])
def test_impossible_evm_secrets_are_refused(store: KeyStore, secret: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        store.create_evm("bad", secret)
    assert caught.value.code == "key_secret"
    assert store.list() == []


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a.b", "../a", "a/b", "a" * 64, "ä", "a\n"])
def test_other_names_are_refused(store: KeyStore, name: str) -> None:
    for act in (store.create_evm, store.create_ed25519, store.load, store.destroy, store.describe):
        with pytest.raises(Malformed) as caught:
            act(name)
        assert caught.value.code == "key_name"


def test_a_key_is_never_replaced(store: KeyStore) -> None:
    made = store.create_evm("maker")
    for again in (store.create_evm, store.create_ed25519):
        with pytest.raises(Refused) as caught:
            again("maker")
        assert caught.value.code == "key_exists"
    assert store.load("maker") == made


def test_files_are_for_their_owner_only(store: KeyStore, tmp_path: Path) -> None:
    store.create_evm("maker")
    Vault.create(tmp_path / "keys")
    files = list((tmp_path / "keys").iterdir())
    assert {file.name for file in files} == {"maker.json", "server.json"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_nothing_secret_is_shown(store: KeyStore) -> None:
    evm, log = store.create_evm("maker"), store.create_ed25519("log")
    shown = repr(evm) + str(log) + repr(log.note_key("x")) + json.dumps(store.list())
    assert evm.secret.hex() not in shown
    assert log.seed.hex() not in shown
    assert repr(evm.secret) not in shown


def test_list_names_both_types_and_leaves_the_server_key_out(store: KeyStore, tmp_path: Path) -> None:
    Vault.create(tmp_path / "keys")
    evm, log = store.create_evm("maker"), store.create_ed25519("log")
    assert store.list() == [
        {"name": "log", "type": "ed25519", "public": "0x" + log.public.hex(), "encrypted": False},
        {"name": "maker", "type": "evm", "address": evm.address, "encrypted": False},
    ]


def test_the_wrong_type_is_named(store: KeyStore) -> None:
    store.create_evm("maker")
    store.create_ed25519("log")
    for load, name in ((store.load_ed25519, "maker"), (store.load_evm, "log")):
        with pytest.raises(Malformed) as caught:
            load(name)
        assert caught.value.code == "key_type"


def test_an_unknown_key_says_where_to_look(store: KeyStore) -> None:
    for act in (store.load, store.destroy, store.describe):
        with pytest.raises(NotFound, match="carnet key list") as caught:
            act("nobody")
        assert caught.value.code == "key_unknown"


def test_halves_that_do_not_belong_together_are_refused(store: KeyStore, tmp_path: Path) -> None:
    one, two = store.create_evm("one"), store.create_evm("two")
    path = tmp_path / "keys" / "one.json"
    path.write_text(path.read_text().replace(one.address, two.address))
    with pytest.raises(Malformed) as caught:
        store.load("one")
    assert caught.value.code == "key_file"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"type": "evm"}',
        '{"type": "rsa", "address": "0x", "secret": "0x"}',
        '{"type": "evm", "address": "0x", "secret": 7}',
        '{"type": "evm", "address": "0x", "secret": "0xzz"}',
        '{"type": "evm", "address": "0x", "secret": "0x", "more": 1}',
        '{"type": "evm", "address": "0x", "sealed": 7}',
    ],
)
def test_damaged_files_are_refused(store: KeyStore, tmp_path: Path, text: str) -> None:
    store.create_evm("maker")
    (tmp_path / "keys" / "maker.json").write_text(text)
    with pytest.raises(Malformed):
        store.load("maker")


def test_destroy_overwrites_before_it_removes(store: KeyStore, tmp_path: Path) -> None:
    key = store.create_ed25519("label")
    path = tmp_path / "keys" / "label.json"
    with path.open("rb") as still_open:
        store.destroy("label")
        left = still_open.read()
    assert not path.exists()
    assert key.seed.hex().encode() not in left
    with pytest.raises(NotFound):
        store.load("label")


def test_a_passphrase_encrypts(store: KeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARNET_KEY_PASSPHRASE", "correct horse")
    evm, log = store.create_evm("maker"), store.create_ed25519("log")
    text = (tmp_path / "keys" / "maker.json").read_text() + (tmp_path / "keys" / "log.json").read_text()
    assert evm.secret.hex() not in text
    assert log.seed.hex() not in text
    assert store.load("maker") == evm
    (tmp_path / "phrase").write_text("correct horse\n")
    monkeypatch.delenv("CARNET_KEY_PASSPHRASE")
    monkeypatch.setenv("CARNET_KEY_PASSPHRASE_FILE", str(tmp_path / "phrase"))
    assert store.load("log") == log
    monkeypatch.setenv("CARNET_KEY_PASSPHRASE_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(Unavailable):
        store.load("log")


@pytest.mark.parametrize(
    ("phrase", "code"), [(None, "passphrase_needed"), ("wrong", "passphrase_wrong"), ("", "passphrase")]
)
def test_without_the_passphrase_there_is_no_key(
    store: KeyStore, monkeypatch: pytest.MonkeyPatch, phrase: str | None, code: str
) -> None:
    monkeypatch.setenv("CARNET_KEY_PASSPHRASE", "right")
    store.create_evm("maker")
    if phrase is None:
        monkeypatch.delenv("CARNET_KEY_PASSPHRASE")
    else:
        monkeypatch.setenv("CARNET_KEY_PASSPHRASE", phrase)
    with pytest.raises(Malformed) as caught:
        store.load("maker")
    assert caught.value.code == code
    assert store.describe("maker")["encrypted"] is True


@pytest.mark.parametrize("field", ["address", "n", "kdf", "salt", "nonce", "ciphertext"])
def test_an_encrypted_file_that_was_changed_is_refused(
    store: KeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    monkeypatch.setenv("CARNET_KEY_PASSPHRASE", "right")
    store.create_evm("maker")
    other = store.create_evm("other")
    path = tmp_path / "keys" / "maker.json"
    value = json.loads(path.read_text())
    changed = {"address": other.address, "n": 2**20, "kdf": "none"}
    if field == "address":
        value["address"] = other.address
    else:
        value["sealed"][field] = changed.get(field, "AAAAAAAAAAAAAAAAAAAAAA==")
    path.write_text(json.dumps(value))
    with pytest.raises(CarnetError):
        store.load("maker")


def test_a_changed_cost_is_refused_before_any_work(
    store: KeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARNET_KEY_PASSPHRASE", "right")
    store.create_evm("maker")
    path = tmp_path / "keys" / "maker.json"
    value = json.loads(path.read_text())
    value["sealed"]["n"] = 2**40  # would ask for a petabyte
    path.write_text(json.dumps(value))
    with pytest.raises(Malformed) as caught:
        store.load("maker")
    assert caught.value.code == "key_file"


@settings(max_examples=50)
@given(value=st.binary(max_size=200), context=st.binary(max_size=50))
def test_the_vault_gives_back_what_it_sealed(value: bytes, context: bytes) -> None:
    vault = Vault(bytes(range(32)))
    sealed = vault.seal(value, context)
    assert vault.unseal(sealed, context) == value
    assert sealed != vault.seal(value, context)  # a nonce is never used twice


def test_the_vault_refuses_another_name_key_or_bytes() -> None:
    vault = Vault(bytes(32))
    sealed = vault.seal(b"salt", b"salt/1")
    damaged = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
    tries = [(vault, one, b"salt/1") for one in [*damaged, b"", sealed[:5]]]
    for one, bytes_, context in [*tries, (vault, sealed, b"salt/2"), (Vault(b"\1" * 32), sealed, b"salt/1")]:
        with pytest.raises(ProofInvalid) as caught:
            one.unseal(bytes_, context)
        assert caught.value.code == "sealed_value"


@pytest.mark.parametrize("phrase", [None, "right"])
def test_the_vault_opens_again_and_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phrase: str | None
) -> None:
    if phrase:
        monkeypatch.setenv("CARNET_KEY_PASSPHRASE", phrase)
    with pytest.raises(NotFound):
        Vault.open(tmp_path)
    sealed = Vault.create(tmp_path).seal(b"salt", b"name")
    assert Vault.open(tmp_path).unseal(sealed, b"name") == b"salt"
    with pytest.raises(Refused):
        Vault.create(tmp_path)
    (tmp_path / "server.json").write_text('{"type": "aes-256-gcm", "secret": "0x00"}')
    with pytest.raises(Malformed):
        Vault.open(tmp_path)


def test_the_two_types_are_different_things(store: KeyStore) -> None:
    assert isinstance(store.create_evm("a"), EvmKey)
    assert isinstance(store.load("a"), EvmKey)
    assert isinstance(store.create_ed25519("b"), Ed25519Key)
    assert isinstance(store.load("b"), Ed25519Key)
