"""What the tests of pages start from: people, projects and photos, all made through the domain functions."""

import hashlib
import io
import itertools
import json
import random
import uuid
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from PIL import Image, ImageDraw

from collector.domain import challenges, conditions, guests, normalising, projects, uploads
from collector.enums import PhotoState, Role
from collector.models import Challenge, Photo, Project, Volunteer
from foundation import blobs
from foundation.models import User
from training.domain.splits import pseudonym
from training.domain.stages import blob_key
from training.enums import GateDecision, RunState, StageName
from training.models import Run, Stage

CONSENT = "2026-11"
LABELS = [("5", "5 euros"), ("10", "10 euros"), ("20", "20 euros"), ("other", "something else")]
NIGHT = date(2026, 11, 21)


def make_project(slug: str = "euro", name: str = "Euro notes") -> Project:
    """A project in which nothing is left to chance: no decided photo is mixed into the queue."""
    return projects.create_project(slug, name=name, labels=LABELS, second_opinion_share=0, gold_share=0)


def make_user(email: str, *, reviews: Project | None = None, **fields: Any) -> User:
    user = User.objects.create_user(email, "correct horse", **fields)
    if reviews is not None:
        projects.add_member(reviews, user, Role.REVIEWER)
    return user


def make_volunteer(nickname: str = "") -> tuple[Volunteer, str]:
    device, token = guests.register_guest(CONSENT)
    device.volunteer.nickname = nickname
    device.volunteer.save(update_fields=["nickname"])
    return device.volunteer, token


def make_challenge(project: Project) -> Challenge:
    return challenges.set_challenge(project, NIGHT, text="A 5 euro note, half folded, in dim light")


def make_photo(project: Project, by: Volunteer, label: str | None = "5", challenge: Challenge | None = None) -> Photo:
    """A photo as a phone sends it, normalised and waiting for review."""
    photo_id = uuid.uuid4()
    body = draw_note(photo_id, label or "?")
    upload = uploads.Upload(
        photo_id=photo_id,
        project=project,
        sha256=hashlib.sha256(body).hexdigest(),
        label=projects.get_label(project, label) if label else None,
        challenge=challenge,
    )
    uploads.receive_photo(upload, [body], by=by)
    assert normalising.normalise_photo(photo_id)
    return Photo.objects.get(pk=photo_id)


def accept_many(project: Project, by: Volunteer) -> None:
    """Accepted photos without pixels, of some labels under some conditions, so that there is something to count."""
    for back, (label, slugs, count) in enumerate(
        [("5", ["dim"], 230), ("5", ["held", "busy"], 41), ("10", ["bright"], 12), ("10", [], 150), ("20", ["far"], 30)]
    ):
        asked = conditions.get_conditions(project, slugs)
        day = NIGHT - timedelta(days=back + 1)
        challenge = challenges.set_challenge(project, day, text="A note", conditions=asked)
        kind = projects.get_label(project, label)
        Photo.objects.bulk_create(
            Photo(
                id=uuid.uuid4(),
                project=project,
                volunteer=by,
                challenge=challenge,
                claimed_label=kind,
                label=kind,
                state=PhotoState.ACCEPTED,
                condition_holds=bool(slugs) or None,
                size_bytes=1,
            )
            for _ in range(count)
        )


def draw_note(seed: uuid.UUID, words: str) -> bytes:
    """A JPEG of a made-up note on a patchwork, no two alike: two that were would share a stack."""
    hue, lying = seed.int % 360, random.Random(seed.int)
    image = Image.new("RGB", (800, 600))
    draw = ImageDraw.Draw(image)
    for x, y in itertools.product(range(0, 800, 100), range(0, 600, 100)):
        draw.rectangle((x, y, x + 99, y + 99), fill=f"hsl({hue}, 18%, {lying.randrange(5, 95)}%)")
    draw.rounded_rectangle((250, 220, 550, 380), 18, fill=f"hsl({(hue + 150) % 360}, 35%, 72%)")
    draw.text((370, 235), words, fill="#223", font_size=110)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def make_run(project: Project, night: date = NIGHT, state: str = RunState.PUBLISHED, **fields: Any) -> Run:
    """A finished night with every stage, in the shape the stages write."""
    decisions = {RunState.PUBLISHED: GateDecision.PUBLISH, RunState.KEPT: GateDecision.KEEP}
    given = {
        "decision": decisions.get(RunState(state), ""),
        "why": "97.5% of the golden photos are named rightly, 2.1 points more than the model in production.",
        "release": f"{night}.1" if state == RunState.PUBLISHED else "",
        "inputs": {"spec": {"arch": "mobilenet_v3_small"}},
        **fields,
    }
    run = Run.objects.create(project=project, night=night, state=state, **given)
    for name in StageName.values:
        add_stage(run, name)
    return run


def add_stage(run: Run, name: str) -> Stage:
    results = {"snapshot": SNAPSHOT, "choose": CHOOSE, "fit": FIT, "evaluate": EVALUATE, "verify": VERIFY, "gate": GATE}
    return Stage.objects.create(
        run=run,
        name=name,
        input_digest=hashlib.sha256(f"{run.pk}{name}".encode()).hexdigest(),
        output_digest=hashlib.sha256(name.encode()).hexdigest(),
        result=results.get(name, {}),
        fencing=1,
        seconds=len(name) * 7.3,
        cpu_seconds=len(name) * 12.0,
    )


def add_answers(run: Run, mistakes: Sequence[tuple[Photo, str, float]], right: int = 160) -> Stage:
    """The file of single answers: so many right ones, and photos with what they were taken for, and how surely."""
    slugs = [slug for slug, _ in LABELS]
    lines = [
        _answer(f"{at:032x}", "0" * 32, slugs[at % len(slugs)], slugs[at % len(slugs)], 0.9) for at in range(right)
    ]
    for photo, answer, sure in mistakes:
        secret = run.project.split_secret
        photo_name, name = pseudonym(secret, "photo", photo.pk), pseudonym(secret, "volunteer", photo.volunteer_id)
        lines.append(_answer(photo_name, name, photo.label.slug if photo.label else "", answer, sure))
    body = "".join(json.dumps(line) + "\n" for line in lines).encode()
    sha256 = hashlib.sha256(body).hexdigest()
    blobs.write_once(blob_key(sha256), body)
    stage = Stage.objects.get(run=run, name=StageName.EVALUATE)
    stage.files = {"predictions.jsonl": sha256}
    stage.save(update_fields=["files"])
    return stage


def measure(run: Run, *, accuracy: float, size: int, photos: int) -> None:
    """Another night's figures: golden accuracy, bytes of the smallest file, accepted photos."""
    changed = {
        "snapshot": {**SNAPSHOT, "photos": photos},
        "evaluate": {**EVALUATE, "golden_accuracy": accuracy},
        "verify": {"artifacts": [{**one, "bytes": one["bytes"] - 1_655_000 + size} for one in VERIFY["artifacts"]]},
    }
    for name, result in changed.items():
        run.stages.filter(name=name).update(result=result)


def _answer(photo: str, volunteer: str, label: str, answer: str, probability: float) -> dict[str, Any]:
    return {"photo": photo, "volunteer": volunteer, "label": label, "answer": answer, "probability": probability}


SNAPSHOT = {
    "labels": [
        {"slug": slug, "name": name, "photos": 310 + 7 * at, "train": 270 + 6 * at, "golden": 40 + at}
        for at, (slug, name) in enumerate(LABELS)
    ],
    "photos": 1282, "volunteers": 46, "train": 1116, "golden": 166, "optimistic": False, "note": "",
}  # fmt: skip
CHOOSE: dict[str, Any] = {
    "arch": "mobilenet_v3_small",
    "why": "mobilenet_v3_small names 93.4% of photos by volunteers left out in turn rightly, for 55 million "
    "multiply-adds: the best of 3 networks by accuracy and cost.",
    "photos": 1116, "reused": 3012, "target_m": None,
    "left_out": [{"arch": "mobilenet_v2_0_5", "why": "it has no start weights"}],
    "candidates": [
        {"arch": arch, "accuracy": share, "multiply_adds": cost, "bytes_int8": size, "latency_ms": ms, "score": score}
        for arch, share, cost, size, ms, score in (
            ("squeezenet1_1", 0.918, 268_000_000, 737_000, 8.1, 0.925),
            ("mobilenet_v3_small", 0.934, 54_921_296, 1_008_480, 4.93, 1.052),
            ("mnasnet1_0", 0.951, 313_000_000, 3_260_000, 13.2, 0.948),
        )
    ],
}  # fmt: skip
FIT = {"strategy": {"name": "head on cached features", "why": "1,282 photos are few, and they look like ImageNet's."}}


def _score(shares: Sequence[float]) -> dict[str, Any]:
    return {
        slug: {"photos": 42, "correct": round(42 * share), "accuracy": share}
        for (slug, _), share in zip(LABELS, shares, strict=True)
    }


EVALUATE: dict[str, Any] = {
    "golden_accuracy": 0.975,
    "golden_balanced_accuracy": 0.971,
    "per_label": _score((1.0, 0.976, 0.952, 0.967)),
    "stability": {
        "photos": 166, "views_of_each": 4, "photos_flipped": 0.042, "views_flipped": 0.018,
        "accuracy": 0.971, "accuracy_untouched": 0.975,
    },
    "cost": {"multiply_adds": 54_921_296, "bytes_int8": 1_008_480, "latency_ms": 4.93, "machine": "a processor"},
    "rejection": {
        "score": "top_probability", "cost": 5, "why": "",
        "learned_from": {"negatives": 131, "volunteers": 17, "left_out": 1116},
        "thresholds": [
            {
                "cost": cost, "threshold": threshold, "negatives": {"photos": 32, "none": none},
                "right": {"photos": 162, "none": lost}, "wrong": {"photos": 4, "none": avoided},
            }
            for cost, threshold, none, lost, avoided in (
                (1, 0.512, 21, 1, 1), (5, 0.811, 27, 9, 2), (20, 0.934, 31, 24, 3),
            )
        ],
    },
    "production": {"labels": ["5", "10", "20"], "per_label": _score((0.976, 0.976, 0.905, 0.0))},
}  # fmt: skip


def _calibrated(error: float, overconfidence: float, rights: Sequence[float]) -> dict[str, Any]:
    bins = [{"photos": 20 + at, "sure": 0.65 + 0.049 * at, "right": right} for at, right in enumerate(rights)]
    return {"error": error, "overconfidence": overconfidence, "bins": bins}


GATE: dict[str, Any] = {
    "decision": "publish",
    "figures": {
        "calibration": {
            "photos": 166, "difference": -0.007, "lower_bound": -0.021,
            "candidate": _calibrated(0.031, 0.012, (0.7, 0.72, 0.74, 0.85, 0.86, 0.9, 0.97, 1.0)),
            "other": _calibrated(0.042, 0.019, (0.55, 0.7, 0.72, 0.74, 0.83, 0.88, 0.96, 0.98)),
        }
    },
}  # fmt: skip
VERIFY: dict[str, list[dict[str, Any]]] = {
    "artifacts": [
        {
            "runtime": runtime,
            "precision": precision,
            "bytes": size,
            "sha256": hashlib.sha256(f"{runtime}{precision}".encode()).hexdigest(),
            "golden_accuracy": accuracy,
            "flips_vs_fp32": flips,
            "verified_by": by,
        }
        for runtime, precision, size, accuracy, flips, by in (
            ("coreml", "fp16", 3_214_000, 0.975, 0.0, "weights read back from the package"),
            ("coreml", "int8", 1_702_000, 0.969, 0.006, "weights read back from the package"),
            ("litert", "fp32", 6_110_000, 0.975, 0.0, "ai-edge-litert 2.3.0"),
            ("litert", "int8", 1_655_000, 0.969, 0.006, "ai-edge-litert 2.3.0"),
            ("onnx", "fp32", 6_148_000, 0.975, 0.0, "onnxruntime 1.27"),
        )
    ]
}
