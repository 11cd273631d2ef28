"""The electrical truth: conductors, fuses, energy, and the judges that watch them (:class:`hil.plant.plant.Plant`)."""

from hil.plant.events import FuseMayOpen, FuseOpened, LimitExceeded, LiveSocketWithoutVehicle, PlantEvent
from hil.plant.fuse import FuseSpec
from hil.plant.line import Line
from hil.plant.plant import SUPPLY, WH_PER_AS_AND_V, FuseReading, Node, Plant, WirePeak, neutral_a

__all__ = [
    "SUPPLY",
    "WH_PER_AS_AND_V",
    "FuseMayOpen",
    "FuseOpened",
    "FuseReading",
    "FuseSpec",
    "LimitExceeded",
    "Line",
    "LiveSocketWithoutVehicle",
    "Node",
    "Plant",
    "PlantEvent",
    "WirePeak",
    "neutral_a",
]
