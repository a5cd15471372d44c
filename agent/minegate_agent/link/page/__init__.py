"""The local page: read-only, on the loopback unless the site says otherwise, without any resource from elsewhere."""

from minegate_agent.link.page.server import listen, serve, serve_on

__all__ = ["listen", "serve", "serve_on"]
