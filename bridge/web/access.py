"""Who may ask what: a token in `Authorization: Bearer …` is an agent, and an agent has rights.

Without a file of agents everybody may do everything. How the Bridge is, what it offers and its metrics are for
everybody in any case: routers and monitoring ask for them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.agents import Agent, unlimited
from bridge.roster import Roster

ANYBODY = unlimited("http")  # where there is no file of agents
PEER = Agent("peer")  # another Bridge with the same file, which may only look

Endpoint = Callable[[Request], Awaitable[Response]]


class Access:
    """Lets requests through to endpoints, or not."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    def reading(self, endpoint: Endpoint) -> Endpoint:
        """Return an endpoint for any agent."""
        return self._guarded(endpoint, lambda agent: agent is not PEER, "")

    def changing(self, section: str, endpoint: Endpoint) -> Endpoint:
        """Return an endpoint for agents that may change a section."""
        return self._guarded(endpoint, lambda agent: agent.may_write(section), f"change {section}/")

    def administering(self, endpoint: Endpoint) -> Endpoint:
        """Return an endpoint for agents that may change the Bridge itself."""
        return self._guarded(endpoint, lambda agent: agent.admin, "administer the Bridge")

    def comparing(self, endpoint: Endpoint) -> Endpoint:
        """Return an endpoint for any agent and for another Bridge."""
        return self._guarded(endpoint, lambda agent: True, "")  # noqa: ARG005 - any agent will do

    def _guarded(self, endpoint: Endpoint, may: Callable[[Agent], bool], what: str) -> Endpoint:
        async def guarded(request: Request) -> Response:
            agent = self._agent(request)
            if not may(agent):
                raise HTTPException(403, f"{agent.name} may not {what or 'do this'}")
            request.state.agent = agent
            return await endpoint(request)

        return guarded

    def _agent(self, request: Request) -> Agent:
        agents = self._roster.agents
        if agents.open:
            return ANYBODY
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        found = None
        if scheme.lower() == "bearer" and token:
            found = agents.by_token(token.strip()) or (PEER if agents.is_peer(token.strip()) else None)
        if found is None:
            raise HTTPException(401, "no token of an agent", {"WWW-Authenticate": "Bearer"})
        return found


def route(path: str, **endpoints: Endpoint) -> Route:
    """Return one route for all methods of a path, by their names in lower case: a refusal then names all there are."""

    async def by_method(request: Request) -> Response:
        method = "get" if request.method == "HEAD" else request.method.lower()
        return await endpoints[method](request)

    return Route(path, by_method, methods=[method.upper() for method in endpoints])


def agent_of(request: Request) -> Agent:
    """Return the agent that was let through."""
    agent: Agent = request.state.agent
    return agent
