"""Where a project names several networks: the features they are probed with, kept for one night, and who needs none."""

from collections.abc import Mapping

from collector.models import Project
from foundation import blobs
from training.domain import stages
from training.domain.shifts import Shift
from training.enums import StageName
from training.models import Stage

FOLDER = "probed"
FEATURES = "features-"  # how the names of the files begin


def has_choice(shift: Shift) -> bool:
    """Whether one of several networks must be chosen."""
    return len(shift.run.inputs["spec"].get("candidates", ())) > 1


def skip(shift: Shift, digest: str) -> Stage:
    """The row of stage choose where only one network is named: nothing is run, and nothing was found."""
    stages.say(shift, StageName.CHOOSE, "only one network is named", is_done=True)
    return stages.write_row(shift, Stage(run=shift.run, name=StageName.CHOOSE, input_digest=digest))


def bring_features(shift: Shift) -> None:
    """What the project's last night computed, as ``probed/``: only photos that are new then cost anything."""
    for stage in Stage.objects.filter(run__project=shift.run.project, name=StageName.CHOOSE).order_by("-pk"):
        features = features_of(stage.files)
        if features:
            if all(blobs.exists(stages.blob_key(sha256)) for sha256 in features.values()):
                stages.fetch_files(features, shift.work / FOLDER)
            return


def delete_features(project: Project) -> None:
    """Delete features that no night will use: all but the newest, and those too where a photo of them was erased.

    Little is lost with them: the next night looks at those few photos again. The rows keep what was found.
    """
    made = Stage.objects.filter(run__project=project, name=StageName.CHOOSE).select_related("run").order_by("-pk")
    kept: set[str] = set()
    for stage in made.exclude(files={}):
        features = features_of(stage.files)
        if not features:
            continue
        if not kept and not stage.run.photos_erased:
            kept = set(features.values())
            continue
        for sha256 in set(features.values()) - kept:
            blobs.delete(stages.blob_key(sha256))
        rest = {name: sha256 for name, sha256 in stage.files.items() if name not in features}
        Stage.objects.filter(pk=stage.pk).update(files=rest)


def features_of(files: Mapping[str, str]) -> dict[str, str]:
    """The files of features among a stage's, by name."""
    return {name: sha256 for name, sha256 in files.items() if name.startswith(FEATURES)}
