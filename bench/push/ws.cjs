// Node's `ws`, pushing one 180-byte update to everybody as its documentation shows:
//   node ws.cjs TOOLS_FOLDER PORT UPDATES_PER_SECOND
const [tools, port, rate] = process.argv.slice(2);
const { WebSocket, WebSocketServer } = require(`${tools}/node_modules/ws`);
const server = new WebSocketServer({ port: Number(port), host: "127.0.0.1", perMessageDeflate: false, backlog: 4096 });

const update = () => {
  const ts = process.hrtime.bigint();
  const head = `{"type":"update","board":"krw","ts":${ts},"x":"`;
  return head + "x".repeat(178 - head.length) + '"}';
};

const push = () => {
  const text = update();
  server.clients.forEach((client) => {
    if (client.readyState === WebSocket.OPEN) client.send(text);
  });
};

if (Number(rate)) setInterval(push, 1000 / rate);
else (function again() { push(); setImmediate(again); })();
