"""What the VDA 5050 document asks of a robot's messages."""

# VDA 5050 version 3.0.0, state message: the keys that must be there
STATE_KEYS = {
    "headerId", "timestamp", "version", "manufacturer", "serialNumber", "orderId", "orderUpdateId", "lastNodeId",
    "lastNodeSequenceId", "nodeStates", "edgeStates", "driving", "actionStates", "instantActionStates", "powerSupply",
    "operatingMode", "errors", "safetyState",
}  # fmt: skip
