"""A web application on FastAPI that publishes: the session lives as long as the application. uvicorn web:app"""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request

import customauth


def endpoint() -> customauth.Endpoint:
    """Return the endpoint; the local gateway's CA is not among the system's."""
    ca = os.environ.get("IOT_CA")
    return customauth.Endpoint.parse(os.environ["IOT_ENDPOINT"], ca_pem=Path(ca).read_bytes() if ca else None)


def credentials() -> customauth.CustomAuth:
    """Return what is valid now; it is asked before every attempt."""
    return customauth.CustomAuth(
        authorizer=os.environ["IOT_AUTHORIZER"],
        username=os.environ["IOT_USER"],
        password=os.environ["IOT_PASSWORD"].encode(),
    )


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with customauth.session(endpoint(), credentials) as session:
        app.state.session = session
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/pumps/{pump}/{command}", status_code=202)
async def send(pump: str, command: str, request: Request) -> None:
    session: customauth.Session = request.app.state.session
    try:
        await session.publish(f"sample/pumps/{pump}", command, timeout=5)
    except (customauth.RequestTimeout, customauth.SessionQueueFull, customauth.SessionEnded) as error:
        raise HTTPException(503, str(error)) from error
    except (customauth.RequestError, customauth.PublishRefused) as error:
        raise HTTPException(400, str(error)) from error


@app.get("/health")
async def health(request: Request) -> dict[str, str]:
    session: customauth.Session = request.app.state.session
    return {"iot": session.state.kind.value}
