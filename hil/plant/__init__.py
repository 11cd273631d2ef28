"""The electrical truth: conductors, fuses, energy, and the judges that watch them (:class:`hil.plant.plant.Plant`)."""

from hil.plant.events import FuseMayOpen, FuseOpened, LimitExceeded, LiveSocketWithoutVehicle, PlantEvent
from hil.plant.fuse import FuseSpec
from hil.plant.plant import SUPPLY, FuseReading, Node, Plant

__all__ = [
    "SUPPLY",
    "FuseMayOpen",
    "FuseOpened",
    "FuseReading",
    "FuseSpec",
    "LimitExceeded",
    "LiveSocketWithoutVehicle",
    "Node",
    "Plant",
    "PlantEvent",
]
