"""A phone in Python: polls, verifies, downloads, switches, classifies. It follows docs/protocol.md alone.

    python -m modelhub.client fetch --url URL --project SLUG --key FILE --home DIR
    python -m modelhub.client classify PHOTO... --home DIR

``answers`` reads the signed document, ``home`` keeps what survives a restart, ``updates`` puts both to work.
"""
