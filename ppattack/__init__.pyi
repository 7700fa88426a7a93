# isort: skip_file
# What ``import ppattack`` gives, one line per name, loaded on first use.

# In a notebook or a script: arrays and functions in, results that show themselves out
from .notebook.calls import attack as attack
from .notebook.calls import audit as audit
from .notebook.calls import identify as identify
from .notebook.results import AuditResult as AuditResult
from .notebook.results import IdentifyResult as IdentifyResult
from .notebook.results import RunResult as RunResult

# Run, and read results
from .runs.run import run as run
from .request import RunRequest as RunRequest
from .runs.store import Finished as Finished
from .runs.probing import probe as probe
from .reports.probe import ProbeReport as ProbeReport
from .classification.request import ClassifyRequest as ClassifyRequest
from .classification.experiment import classify as classify
from .compression.request import CompressionRequest as CompressionRequest
from .compression.experiment import compress as compress
from .reports.run import Report as Report
from .reports.run import read_report as read_report

# Write a target
from .target.base import Draw as Draw
from .target.base import PublicScheme as PublicScheme
from .target.base import Target as Target
from .target.pixel import PermXorTarget as PermXorTarget
from .target.linear import LinearTarget as LinearTarget
from .target.linear_form import LinearForm as LinearForm
from .target.neural import NeuralTarget as NeuralTarget
from .target.trained import OwnerTraining as OwnerTraining
from .target.trained import TrainedTarget as TrainedTarget
from .target.key import Key as Key
from .target.key import Parts as Parts
from .target.structure import Structure as Structure
from .target.representation import Representation as Representation
from .card import TargetCard as TargetCard
from .permxor import PermXor as PermXor
from .images import ImageShape as ImageShape

# Write an attack
from .attack import Attack as Attack
from .attack import AttackCard as AttackCard
from .attack import ControlTarget as ControlTarget
from .attack import Preset as Preset
from .context import Context as Context
from .threat import Observation as Observation
from .threat import ThreatModel as ThreatModel

# Write an image source
from .data.source import ImageRequest as ImageRequest
from .data.source import ImageSets as ImageSets
from .data.source import ImageSource as ImageSource
from .data.source import SourceCard as SourceCard

# For all of them
from .card import Reference as Reference
from .config import Doc as Doc
from .config import Interval as Interval
from .errors import ConfigError as ConfigError
from .errors import DataError as DataError
from .errors import ImageError as ImageError
from .errors import MissingPackage as MissingPackage
from .errors import PluginError as PluginError
from .errors import PpattackError as PpattackError
from .errors import ThreatModelError as ThreatModelError
from .recovery import Recovery as Recovery
from . import blocks as blocks
from . import images as images

__all__: list[str]
__version__: str
