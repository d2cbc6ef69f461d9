"""Where a project names several networks: the features they are probed with, out of the store and into it."""

from pathlib import Path

from django.db import transaction

from foundation import jobs
from training.domain import features, stages
from training.domain.shifts import Shift
from training.enums import StageName
from training.ml import contract
from training.models import Stage

FOLDER = "probed"
FILES = "features-*.safetensors"


def has_choice(shift: Shift) -> bool:
    """Whether one of several networks must be chosen."""
    return len(shift.run.inputs["spec"].get("candidates", ())) > 1


def skip(shift: Shift, digest: str) -> Stage:
    """The row of stage choose where only one network is named: nothing is run, and nothing was found."""
    stages.say(shift, StageName.CHOOSE, "only one network is named", is_done=True)
    return stages.write_row(shift, Stage(run=shift.run, name=StageName.CHOOSE, input_digest=digest))


def bring_features(shift: Shift) -> None:
    """What earlier nights computed to probe, as ``probed/<key>/``: only photos that are new then cost anything."""
    made = Stage.objects.filter(run__project=shift.run.project, name=StageName.CHOOSE, result__has_key="keys")
    last = made.order_by("-pk").first()
    (shift.work / FOLDER).mkdir(exist_ok=True)
    for key in last.result["keys"].values() if last else ():
        with shift.holding():
            features.bring(shift.run.project, key, shift.work / FOLDER / key)


def store_features(shift: Shift, out: Path) -> None:
    """Moves what the child computed into the store, where erased photos are taken out of it. Raises ``LeaseLost``."""
    for path in sorted(out.glob(FILES)):
        with shift.holding():
            pack = features.write(shift.run.project, contract.open_pack(path).head.key, path)
        with transaction.atomic():
            jobs.require(shift.lease)
            features.make_ready(pack)
        path.unlink()
