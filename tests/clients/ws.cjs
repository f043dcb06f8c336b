// npm `ws`: node ws.cjs TOOLS_FOLDER URL
const [tools, url] = process.argv.slice(2);
const { WebSocket } = require(`${tools}/node_modules/ws`);
const socket = new WebSocket(url);
const seen = [];
let asked = 0;
socket.on("open", () => socket.send('{"op":"ping","id":7}'));
socket.on("message", (data) => {
  seen.push(JSON.parse(data).type);
  if (!asked && ["snapshot", "update", "pong"].every((type) => seen.includes(type))) {
    asked = Date.now();
    socket.close(1000);
  }
});
socket.on("close", (code) => console.log(JSON.stringify({ seen, code, seconds: (Date.now() - asked) / 1000 })));
