"""Makes the pixels everybody sees: a sandboxed child that takes bytes in and gives bytes out, and its parent's side.

``__main__``, ``lockdown``, ``seccomp`` and ``pixels`` run in the child, which imports Pillow and pillow-heif but no
Django; ``sandbox`` runs in the worker, which imports neither. ``frames`` is what the two say to each other.
"""
