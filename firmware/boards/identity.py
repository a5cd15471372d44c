"""Who this node is. `minegate node build` writes this file; the one in the repository is an example."""

NODE = 9  # its address: 1..253 on the minegate wire, 1..247 as a Modbus station
BAUD = 9600
KEY = b""  # 16 bytes that its gateway has as well, or none
PROTOCOL = "wire"  # of a sensor node's serial line: "wire" or "modbus"
PUBLISH_MS = 200  # how often a sensor node tells its channels on a CAN bus
