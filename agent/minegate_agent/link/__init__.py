"""The process that owns disk, network and page: journal, uplink, live view."""
