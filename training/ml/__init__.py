"""Folder in, folder out: the learning part of Daybreak, runnable on a bare machine.

Imports no Django, Celery, Redis or boto3 and none of the other rooms.
Outside, only ``training.ml.contract`` is visible.
"""
