"""What beat has the hub do."""

from foundation import jobs
from modelhub.domain import documents


@jobs.task("modelhub.refresh_documents")
def refresh_documents() -> None:
    """Sign anew what has used up half of its life."""
    documents.refresh_documents()
