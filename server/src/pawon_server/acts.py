"""Every kind of act that a person may write (``people.act``), as one type that the journal's bytes decode to."""

from __future__ import annotations

import msgspec

from .calibration import RecordCalibration, WithdrawCalibration
from .food_safety.batch_acts import BatchAct
from .food_safety.check import CheckAct
from .food_safety.incident import IncidentAct
from .food_safety.lot_acts import LotAct
from .people.person import ChangePin, SetPerson
from .stock.mass_acts import MassAct
from .stock.menu_acts import MenuAct
from .stock.movement_acts import MovementAct
from .stock.purchase_acts import PurchaseAct
from .stock.recall_acts import RecordDrill
from .stock.scale_acts import ScaleAct

AnyAct = (
    SetPerson
    | ChangePin
    | IncidentAct
    | BatchAct
    | LotAct
    | MovementAct
    | PurchaseAct
    | CheckAct
    | RecordCalibration
    | WithdrawCalibration
    | ScaleAct
    | MassAct
    | MenuAct
    | RecordDrill
)

_decoder: msgspec.json.Decoder[AnyAct] = msgspec.json.Decoder(AnyAct)


def decode_act(payload: bytes) -> AnyAct:
    """The act of a journal entry, or of a request. Raises ``msgspec.DecodeError``, which names the place."""
    return _decoder.decode(payload)


def encode_act(act: AnyAct) -> bytes:
    """As the journal holds it."""
    return msgspec.json.encode(act)
