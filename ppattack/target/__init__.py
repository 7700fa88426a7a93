"""What an encryption scheme is: the contract, its keys, and what is public about it.

Plug-ins import from here (or from :mod:`ppattack`).
"""

from ppattack.card import TargetCard as TargetCard
from ppattack.images import ImageShape as ImageShape
from ppattack.target.base import Draw as Draw
from ppattack.target.base import PublicScheme as PublicScheme
from ppattack.target.base import Target as Target
from ppattack.target.key import Key as Key
from ppattack.target.key import Parts as Parts
from ppattack.target.linear import LinearTarget as LinearTarget
from ppattack.target.linear_form import LinearForm as LinearForm
from ppattack.target.pixel import PermXorTarget as PermXorTarget
from ppattack.target.representation import Representation as Representation
from ppattack.target.structure import Structure as Structure
from ppattack.target.trained import OwnerTraining as OwnerTraining
from ppattack.target.trained import TrainedTarget as TrainedTarget
