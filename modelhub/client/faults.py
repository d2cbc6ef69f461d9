"""What can go wrong, in three kinds; each is one sentence for people and one exit status for programs."""


class Fault(Exception):  # noqa: N818 -- the three below are the names
    """Nothing was changed: the model in use stays in use."""

    status = 1
    outcome = "failed"


class WrongCall(Fault):
    """The caller must change something: an option, a key file, a photo."""

    status = 2
    outcome = "wrong call"


class Refused(Fault):
    """What came is not to be trusted: forged, older, expired, mixed up, damaged."""

    status = 3
    outcome = "refused"


class Trouble(Fault):
    """It may work later: no network, a server in trouble, a full disk."""

    status = 4
    outcome = "trouble"
