"""What volunteers are told of decisions: why, and one thing to try. Plain enough to be read aloud."""

from collector.enums import RejectReason

REASONS = {
    RejectReason.WRONG_OBJECT: (
        "A reviewer saw something else than this photo is said to show. "
        "Choose the label that fits, or leave it out if you are not sure."
    ),
    RejectReason.NOT_VISIBLE: (
        "What this photo should show cannot be seen well enough. Move closer, and keep all of it in the picture."
    ),
    RejectReason.PRIVACY: (
        "Something private could be seen in this photo, such as a face or a name, so we erased it and kept no copy. "
        "Thank you all the same; please look out for what else is in the picture next time."
    ),
    RejectReason.UNSAFE: "This photo shows something that we must not use. Please photograph only what is asked for.",
    RejectReason.SCREEN_OR_PRINT: (
        "This looks like a photo of a screen or of a print. Please photograph the thing itself."
    ),
    RejectReason.DUPLICATE: (
        "We already have a photo much like this one. Change the place, the light or the angle, and it counts."
    ),
    RejectReason.NOT_THIS_CHALLENGE: (
        "This photo does not show what the challenge asked for. Try again, or send it without a challenge."
    ),
    RejectReason.TECHNICALLY_UNUSABLE: (
        "This photo is too blurred, too dark or too bright to learn from. Hold the phone still for a moment."
    ),
}


def say(reason: str) -> str:
    """The sentences for one reason to reject; empty for none."""
    return REASONS[RejectReason(reason)] if reason else ""
