"""A new plug-in passes its own tests and the contract tests before a line of it is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import attack_contract as attacks
from tests.support import target_contract as targets
from tests.support.forked import forked_pytest
from tests.support.program import in_process

pytestmark = pytest.mark.process


def test_a_new_target_passes_its_tests_and_the_contract(tmp_path: Path) -> None:
    code, out, _ = in_process("new target my-cipher --out own", tmp_path)
    assert code == 0
    assert out.splitlines()[-1] == "next: pytest own/test_my_cipher.py"
    name = f"{tmp_path / 'own' / 'my_cipher.py'}:MyCipher"
    targets.configuration_round_trip(name)
    targets.the_same_seed_gives_the_same_key_and_another_another(name)
    targets.encryption_is_pure_and_deterministic(name)
    targets.encryption_changes_the_images(name)
    targets.batch_independence_where_declared(name)
    targets.decryption_undoes_encryption(name, 32)
    targets.one_key_an_image(name)
    targets.wrong_images_and_keys_are_refused(name)
    targets.an_empty_batch_stays_empty(name)
    targets.the_key_space_is_a_number_of_bits(name)
    targets.a_pixel_scheme_is_the_table_it_says(name)
    _passes(tmp_path / "own")


def test_a_new_attack_passes_its_tests_and_the_contract(tmp_path: Path) -> None:
    assert in_process("new attack my-attack", tmp_path)[0] == 0
    name = f"{tmp_path / 'my_attack.py'}:MyAttack"
    attacks.configuration_and_presets(name)
    attacks.deterministic_for_a_seed_and_input_untouched(name)
    attacks.nothing_is_gained_on_the_negative_control(name)
    attacks.it_refuses_ciphertexts_it_cannot_read(name)
    _passes(tmp_path)


def _passes(folder: Path) -> None:
    code, output = forked_pytest(folder)
    assert code == 0, output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("new target etc", "there is a target 'etc' already"),
        ("new attack ../x", "'../x' is not a valid name"),
        ("new attack My", "'My' is not a valid name"),
        ("new target class", "'class' is not a valid name"),
        ("new target taken", "taken.py exists already"),
    ],
)
def test_bad_names_write_nothing(tmp_path: Path, arguments: str, words: str) -> None:
    (tmp_path / "test_taken.py").write_text("")
    code, _, errors = in_process(arguments, tmp_path)
    assert code == 2
    assert words in errors
    assert [path.name for path in tmp_path.iterdir()] == ["test_taken.py"]
