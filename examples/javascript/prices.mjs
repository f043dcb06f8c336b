// Live prices in JavaScript: browsers, Deno, Bun, Node 22 (Node 20: `node --experimental-websocket prices.mjs`).
// In a page of your own you need none of this: `import { connect } from 'https://YOUR-SERVER/widget.js'`.

const SERVER = globalThis.process?.argv[2] ?? 'http://127.0.0.1:8080';
const BOARD = globalThis.process?.argv[3] ?? 'krw';
const NEVER_AGAIN = [1002, 1007, 1008, 1009];
const SILENCE = 30_000; // a live server says something every 10 s

/**
 * Calls `listener(rows)` with a Map of complete rows by symbol, after every change, for ever; only a server that says
 * no for good ends it: `ended(why)`.
 */
function follow(server, board, symbols, listener, ended) {
  const address = (route) => `${server}/v1/${route}/${board}?symbols=${symbols}`;
  const url = address('stream').replace('http', 'ws');
  const rows = new Map();
  let failures = 0;
  let serving; // the socket whose messages count
  let due; // the next dial

  function dialLater(why, pause = 0) {
    if (due) return;
    const wait = pause + Math.random() * Math.min(60_000, 10_000 * 2 ** failures++);
    console.error(`${url}: ${why}; again in ${(wait / 1000).toFixed(1)} s`);
    due = setTimeout(dial, wait);
  }

  /** Why the socket did not open, which it does not tell: the same question by HTTP does. */
  async function refusal() {
    const answer = await fetch(address('snapshot'), { signal: AbortSignal.timeout(10_000) });
    if (answer.ok) return { why: 'no websocket can be opened' };
    const { error } = await answer.json().catch(() => ({}));
    return { why: error?.message ?? `HTTP ${answer.status}`, final: answer.status === 400 || answer.status === 404 };
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
      if (message.type === 'bye') dialLater(message.reason, message.retry_ms); // this socket goes on until the next one delivers
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
    socket.onerror = () => delivered || socket.onclose({}); // Node 20 tells a failed dial by this alone
    socket.onclose = async ({ code }) => {
      clearTimeout(watchdog);
      socket.onerror = socket.onclose = null;
      if (delivered && serving !== socket) return; // the next one has taken over
      const { why, final } = delivered
        ? { why: `closed with ${code}`, final: NEVER_AGAIN.includes(code) }
        : await refusal().catch((error) => ({ why: error.cause?.message || error.message }));
      if (final) ended(why);
      else dialLater(why, code === 4029 ? 60_000 : 0);
    };
  }
  dial();
}

function show(rows) {
  console.log([...rows.values()].map((row) => `${row.name} ${row.price ?? '—'} (${row.change_pct ?? '—'} %)`).join('  '));
}

function end(why) {
  console.error(why);
  if (globalThis.process) process.exitCode = 1;
}

if (globalThis.WebSocket) follow(SERVER, BOARD, ['BTC', 'ETH', 'XRP'], show, end);
else end('There is no WebSocket here: Node 22 has it, Node 20 with `node --experimental-websocket prices.mjs`.');
