"""Several networks named: one is chosen before the night's other work. Where one is named, nothing is run for it."""

from training.domain import stages
from training.domain.shifts import Shift
from training.enums import StageName
from training.models import Stage


def has_choice(shift: Shift) -> bool:
    """Whether one of several networks must be chosen."""
    return len(shift.run.inputs["spec"].get("candidates", ())) > 1


def skip(shift: Shift, digest: str) -> Stage:
    """The row of stage choose where only one network is named: nothing is run, and nothing was found."""
    stages.say(shift, StageName.CHOOSE, "only one network is named", is_done=True)
    return stages.write_row(shift, Stage(run=shift.run, name=StageName.CHOOSE, input_digest=digest))


def feature_keys(shift: Shift) -> list[str]:
    """What the project's last choice kept the features under that it probed networks with."""
    made = Stage.objects.filter(run__project=shift.run.project, name=StageName.CHOOSE, result__has_key="keys")
    last = made.order_by("-pk").first()
    return list(last.result["keys"].values()) if last else []
