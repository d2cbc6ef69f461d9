"""What phones ask over HTTP: plain views, since the whole fleet polls them. ``modelhub.openapi`` describes them."""
