"""PyPI `websocket-client`: websocket_client.py URL."""

import json
import sys
import time

import websocket

socket = websocket.create_connection(sys.argv[1], timeout=15)
socket.send('{"op":"ping","id":7}')
seen: list[str] = []
while not {"snapshot", "update", "pong"} <= set(seen):
    seen.append(json.loads(socket.recv())["type"])
asked = time.monotonic()
socket.send_close(1000)
while True:
    opcode, data = socket.recv_data(control_frame=True)
    if opcode == websocket.ABNF.OPCODE_CLOSE:
        break
sys.stdout.write(
    json.dumps({"seen": seen, "code": int.from_bytes(data[:2], "big"), "seconds": time.monotonic() - asked})
)
