"""Dataset + target + key scope → what the adversary observes, and the truth."""

from ppattack.scenario.files import from_ciphertexts as from_ciphertexts
from ppattack.scenario.scene import Scenario as Scenario
from ppattack.scenario.scene import key_scope_of as key_scope_of
from ppattack.scenario.scene import least_threat_model as least_threat_model
from ppattack.scenario.simulation import KeyHolder as KeyHolder
from ppattack.scenario.simulation import simulate as simulate
