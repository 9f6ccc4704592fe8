"""Each MQTT library through ``customauth`` against the same library by itself: ``python -m benchmarks.clients``."""
