"""What an attack can recover of a cipher: a map from plain images to ciphertexts, and back.

A map is a chain of steps on rows of bytes, each of which can be undone: symbols that move under a
mask, tables of bytes, running sums along a scan, affine maps over GF(2), linear maps of blocks,
over the reals or modulo 256; and tables of some bytes whose results are no bytes.
Rows are images in the memory order of ``(C, H, W)``. A map is plain arrays, for files and messages.
"""

from ppattack.maps.cipher_map import CipherMap as CipherMap
from ppattack.maps.linear import Affine as Affine
from ppattack.maps.linear import BlockLinear as BlockLinear
from ppattack.maps.linear import BlockModular as BlockModular
from ppattack.maps.steps import Combine as Combine
from ppattack.maps.steps import Rows as Rows
from ppattack.maps.steps import Running as Running
from ppattack.maps.steps import Shuffle as Shuffle
from ppattack.maps.steps import Step as Step
from ppattack.maps.steps import Symbol as Symbol
from ppattack.maps.steps import Tables as Tables
from ppattack.maps.steps import combined as combined
from ppattack.maps.steps import separated as separated
from ppattack.maps.substitution import MaskedTable as MaskedTable
