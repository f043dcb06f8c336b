// Live prices in JavaScript: browsers, Deno, Bun, Node 22 (Node 20: `node --experimental-websocket prices.mjs`).
// In a page of your own you need none of this: `import { connect } from 'https://YOUR-SERVER/widget.js'`.

const SERVER = globalThis.process?.argv[2] ?? 'http://127.0.0.1:8080';
const NEVER_AGAIN = [1002, 1007, 1008, 1009];
const SILENCE = 30_000; // a live server says something every 10 s

/** Calls `listener(rows)` with a Map of complete rows by symbol, after every change, for ever. */
function follow(server, board, symbols, listener) {
  const url = new URL(`${server}/v1/stream/${board}?symbols=${symbols}`);
  url.protocol = url.protocol.replace('http', 'ws');
  const rows = new Map();
  let failures = 0;
  let serving; // the socket whose messages count
  let due; // the next dial

  function dialLater(pause = 0) {
    due ??= setTimeout(dial, pause + Math.random() * Math.min(60_000, 10_000 * 2 ** failures++));
  }

  function dial() {
    due = undefined;
    const socket = new WebSocket(url);
    let seq = null; // null: what we know may be wrong until the next snapshot
    let delivered = false;
    let watchdog;
    const hear = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => socket.close(), SILENCE);
    };
    hear();
    socket.onmessage = ({ data }) => {
      hear();
      const message = JSON.parse(data);
      if (message.type === 'bye') dialLater(message.retry_ms); // this socket goes on until the next one delivers
      if (message.type === 'snapshot') {
        failures = 0;
        seq = message.seq;
        delivered = true;
        if (serving !== socket) {
          serving?.close();
          serving = socket;
        }
        rows.clear();
        for (const row of message.rows) rows.set(row.symbol, row);
        listener(rows);
      } else if ((message.type === 'update' || message.type === 'heartbeat') && socket === serving && seq !== null) {
        if (message.seq !== seq + 1) {
          seq = null; // one is missing: ask for everything
          socket.send('{"op":"snapshot"}');
          return;
        }
        seq = message.seq;
        // An absent field is unchanged, null is now unknown.
        for (const row of message.rows ?? []) rows.set(row.symbol, { ...rows.get(row.symbol), ...row });
        if (message.rows) listener(rows);
      }
    };
    socket.onclose = ({ code }) => {
      clearTimeout(watchdog);
      if (delivered && serving !== socket) return; // the next one has taken over
      if (NEVER_AGAIN.includes(code)) throw new Error(`the server said no: ${code}`);
      dialLater(code === 4029 ? 60_000 : 0);
    };
  }
  dial();
}

follow(SERVER, 'krw', ['BTC', 'ETH', 'XRP'], (rows) => {
  console.log([...rows.values()].map((row) => `${row.name} ${row.price ?? '—'} (${row.change_pct ?? '—'} %)`).join('  '));
});
