"""The local page: read-only, on the loopback unless the site says otherwise, without any resource from elsewhere."""

from minegate_agent.link.page.server import serve, serve_on
from minegate_agent.link.page_listener import listen

__all__ = ["listen", "serve", "serve_on"]
