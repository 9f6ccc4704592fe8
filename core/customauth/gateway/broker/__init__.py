"""Messages from publishers to subscribers, with AWS IoT Core's rules (section E of the facts)."""
