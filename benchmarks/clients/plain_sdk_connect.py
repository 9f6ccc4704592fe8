"""A plain script of the AWS IoT Device SDK v2 for Python: one signed connection, as its documentation makes one.

What ``customauth connect`` is measured against: it imports nothing of customauth.
"""

import argparse
import uuid
from concurrent.futures import Future

from awsiot import mqtt5_client_builder

TIMEOUT = 100

parser = argparse.ArgumentParser()
for option in ("endpoint", "port", "ca-file", "authorizer", "token-key-name", "token", "signature"):
    parser.add_argument(f"--{option}", required=True)
given = parser.parse_args()

connected: Future[None] = Future()
stopped: Future[None] = Future()

client = mqtt5_client_builder.direct_with_custom_authorizer(
    endpoint=given.endpoint,
    port=int(given.port),
    ca_filepath=given.ca_file,
    client_id=f"plain-{uuid.uuid4()}",
    auth_username="",
    auth_authorizer_name=given.authorizer,
    auth_authorizer_signature=given.signature,
    auth_token_key_name=given.token_key_name,
    auth_token_value=given.token,
    on_lifecycle_connection_success=lambda _: connected.set_result(None),
    on_lifecycle_connection_failure=lambda failed: connected.set_exception(failed.exception),
    on_lifecycle_stopped=lambda _: stopped.set_result(None),
)
client.start()
connected.result(TIMEOUT)
client.stop()
stopped.result(TIMEOUT)
