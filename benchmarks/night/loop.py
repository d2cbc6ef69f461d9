"""A plain torchvision fine-tuning loop, as tutorials have it: ``python -m benchmarks.night.loop SPEC.json``.

The network's 1,000 answers are replaced, everything learns, SGD with momentum, the rate falls along a cosine. Photos
are decoded once and kept; layers are channels last; a shift of a few pixels is the only augmentation, since it costs
nothing. Prints one JSON line an epoch: CPU seconds so far, without the checks, and the share of golden photos it names
rightly. Ends early once that reaches ``reach``.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from training.ml import torchvision_door

BATCH, MOMENTUM, DECAY = 32, 0.9, 1e-4
SHIFT = 8  # of 224 pixels
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def main() -> None:
    """Reads ``weights, size, rate, epochs, threads, reach, labels``, and the photos ``train`` and ``golden``."""
    spec = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(spec["threads"])
    torch.manual_seed(0)
    photos, targets = _decode(spec, "train")
    golden, answers = _decode(spec, "golden")
    network = torchvision_door.models().squeezenet1_0(weights=None)
    network.load_state_dict(load_file(spec["weights"]))
    network.classifier[1] = nn.Conv2d(512, len(spec["labels"]), kernel_size=1)
    network = network.to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(network.parameters(), spec["rate"], momentum=MOMENTUM, weight_decay=DECAY)
    steps = spec["epochs"] * -(-len(photos) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    unpaid = 0.0
    for epoch in range(1, spec["epochs"] + 1):
        _learn(network, photos, targets, optimiser, schedule)
        paid = time.process_time() - unpaid
        share = _check(network, golden, answers)
        unpaid = time.process_time() - paid
        print(json.dumps({"epoch": epoch, "cpu_s": round(paid, 1), "accuracy": share}), flush=True)
        if share >= spec["reach"]:
            return


def _learn(network: nn.Module, photos: Tensor, targets: Tensor, optimiser: Any, schedule: Any) -> None:
    network.train()
    for chosen in torch.split(torch.randperm(len(photos)), BATCH):
        down, right = torch.randint(-SHIFT, SHIFT + 1, (2,)).tolist()
        loss = functional.cross_entropy(network(_input(photos[chosen].roll((down, right), (2, 3)))), targets[chosen])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        optimiser.step()
        schedule.step()


def _check(network: nn.Module, photos: Tensor, targets: Tensor) -> float:
    network.eval()
    with torch.inference_mode():
        found = torch.cat([network(_input(part)).argmax(1) for part in torch.split(photos, BATCH)])
    return round(float((found == targets).double().mean()), 6)


def _input(pixels: Tensor) -> Tensor:
    image = pixels.float().div(255).contiguous(memory_format=torch.channels_last)
    return (image - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def _decode(spec: dict[str, Any], side: str) -> tuple[Tensor, Tensor]:
    """uint8 (photos, 3, size, size), and the labels' places."""
    size = spec["size"]
    pixels, targets = [], []
    for file, label in spec[side]:
        with Image.open(file) as image:
            width, height = (round(edge * size / min(image.size)) for edge in image.size)
            whole = image.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
        left, top = (width - size) // 2, (height - size) // 2
        pixels.append(np.asarray(whole.crop((left, top, left + size, top + size))))
        targets.append(spec["labels"].index(label))
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2), torch.tensor(targets)


if __name__ == "__main__":
    main()
