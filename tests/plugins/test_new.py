"""A new plug-in passes its own tests and the contract tests before a line of it is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract import test_attacks as attacks
from tests.contract import test_targets as targets
from tests.support.forked import forked_pytest
from tests.support.program import in_process


def test_a_new_target_passes_its_tests_and_the_contract(tmp_path: Path) -> None:
    code, out, _ = in_process("new target my-cipher --out own", tmp_path)
    assert code == 0
    assert out.splitlines()[-1] == "next: pytest own/test_my_cipher.py"
    name = f"{tmp_path / 'own' / 'my_cipher.py'}:MyCipher"
    targets.test_configuration_round_trip(name)
    targets.test_the_same_seed_gives_the_same_key_and_another_another(name)
    targets.test_encryption_is_pure_and_deterministic(name)
    targets.test_encryption_changes_the_images(name)
    targets.test_batch_independence_where_declared(name)
    targets.test_decryption_undoes_encryption(name, 32)
    targets.test_one_key_an_image(name)
    targets.test_wrong_images_and_keys_are_refused(name)
    targets.test_an_empty_batch_stays_empty(name)
    targets.test_the_key_space_is_a_number_of_bits(name)
    targets.test_a_pixel_scheme_is_the_table_it_says(name)
    _passes(tmp_path / "own")


def test_a_new_attack_passes_its_tests_and_the_contract(tmp_path: Path) -> None:
    assert in_process("new attack my-attack", tmp_path)[0] == 0
    name = f"{tmp_path / 'my_attack.py'}:MyAttack"
    attacks.test_configuration_and_presets(name)
    attacks.test_deterministic_for_a_seed_and_input_untouched(name)
    attacks.test_nothing_is_gained_on_the_negative_control(name)
    attacks.test_it_refuses_ciphertexts_it_cannot_read(name)
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
