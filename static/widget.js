/*! ticker: <crypto-ticker>, live crypto prices for news pages. One file; nothing else is loaded. MIT */

/** The folder this script came from, path prefix included: the default server. */
const HOME = new URL('.', import.meta.url).href.slice(0, -1);

// These two lines are written by `python -m ticker.style` from static/widget.css and ticker/words.py.
const STYLE = `crypto-ticker,:host{display:block}.ct{--ct:0px;--up:#ff3040;--down:#2470ff;--soft:color-mix(in srgb,currentColor 72%,transparent);--line:var(--ticker-line,color-mix(in srgb,currentColor 14%,transparent));position:relative;padding:var(--ct);font-family:var(--ticker-font,inherit);font-size:var(--ticker-size,.94em);font-variant-numeric:tabular-nums;line-height:1.4;text-align:start;word-break:keep-all}.ct[data-colors=en]{--up:#0a9a55;--down:#ff3040}.ct[data-colors=safe]{--up:#d95f02}.ct-up{--tone:var(--ticker-up,color-mix(in srgb,var(--up) 75%,currentColor));--arrow:"\\25b2"}.ct-down{--tone:var(--ticker-down,color-mix(in srgb,var(--down) 75%,currentColor));--arrow:"\\25bc"}.ct:not([data-theme=inherit]){--ct:12px;background:var(--ticker-background,light-dark(#fff,#17181c));color:var(--ticker-color,light-dark(#1b1c1f,#e9eaee));color-scheme:light}.ct[data-theme=dark]{color-scheme:dark}.ct[data-theme=auto]{color-scheme:light dark}.ct :where(table,p,ul,.ct-title){margin:0;padding:0;color:inherit;font:inherit}.ct table{width:100%;border-collapse:collapse}.ct caption{padding:0 0 .45em;border-bottom:2px solid;color:inherit;text-align:start}.ct .ct-title{font-size:1.07em;font-weight:700}.ct tr{border-bottom:1px solid var(--line)}.ct :is(th,td){padding:.36em 0 .36em .5em;border:0;font:inherit;text-align:end;white-space:nowrap}.ct th:first-child{width:100%;padding-inline-start:0;text-align:start;white-space:normal;overflow-wrap:anywhere}.ct thead th{color:var(--soft);font-size:.8em}.ct :is(.ct-percent,.ct-change,.ct-sparkline){color:var(--tone)}.ct td.ct-percent{min-width:4.5em}.ct-percent::before{content:var(--arrow) / "";margin-inline-end:.4em;font-size:.6em;vertical-align:.25em}.ct [data-state]>*,.ct small,.ct p{color:var(--soft)}.ct small{font-size:.75em;white-space:nowrap}.ct [data-state] small{color:inherit}.ct .ct-state{padding:0 .3em;border:1px solid}.ct a{color:inherit}.ct p{margin-top:.5em;font-size:.8em}.ct .ct-disclaimer{margin-top:0}.ct .ct-notice{padding:.4em .6em;background:var(--line);color:inherit}.ct-credit{margin-inline-start:.5em}.ct-sparkline{min-width:3.4em}.ct svg{display:block;width:100%;height:1.4em;overflow:visible;fill:none;stroke:currentColor}.ct path{stroke-width:1.5px;vector-effect:non-scaling-stroke}.ct path:first-child{opacity:.4}.ct-bar{position:absolute;inset:var(--ct) var(--ct) auto auto;display:flex;gap:4px;font-size:.75em}.ct button,.ct-banner:not(:empty){min-height:24px;margin:0;padding:0 .6em;border:1px solid var(--line);background:none;color:inherit;font:inherit;line-height:22px;white-space:nowrap}.ct .ct-banner{border-color:currentColor;font-weight:700}.ct :is(.ct-said,.ct-read:not(:focus)),.ct:not([data-form=list])>.ct-title{position:absolute;inset:0 0 auto auto;height:1px;overflow:hidden;clip-path:inset(50%)}.ct-wait{visibility:hidden}.ct ul{display:flex;gap:1.4em;overflow-x:auto;line-height:24px;white-space:nowrap;list-style:none;scrollbar-width:none;mask:linear-gradient(90deg,#000 92%,transparent)}.ct ul~p{margin-top:0}.ct ul + p{margin:6px 6.5em 4px 0}.ct[data-form=strip] .ct-bar{margin-top:28px}.ct li>*{margin-inline-end:.5em}.ct span.ct-name,.ct div>.ct-price{font-weight:700}.ct div>div{display:flex;flex-wrap:wrap;align-items:baseline;gap:0 .7em}.ct div>:is(.ct-name,.ct-price,.ct-sparkline){width:100%;line-height:24px}.ct div>.ct-price{font-size:1.6em}.ct div>.ct-sparkline{margin-top:.5em}.ct div svg{height:3em}@media (prefers-reduced-motion:no-preference){.ct-a{animation:ct-a .6s}.ct-b{animation:ct-b .6s}}@keyframes ct-a{from{opacity:.3}}@keyframes ct-b{from{opacity:.3}}@media print{.ct-bar{display:none}}`;
const WORDS = {"ko":{"headers":{"name":"\uc885\ubaa9","price":"\ud604\uc7ac\uac00({})","percent":"\ubcc0\ub3d9\ub960","change":"\ubcc0\ub3d9\uc561({})","source":"\uac70\ub798\uc18c","time":"\uc2dc\uac01","premium":"\uae40\ud504","sparkline":"24\uc2dc\uac04"},"currencies":{"KRW":"\uc6d0","USD":"\ub2ec\ub7ec","JPY":"\uc5d4"},"states":{"stale":"\uc9c0\uc5f0","held":"\ud655\uc778 \uc911","suspended":"\uac70\ub798 \uc815\uc9c0","delisted":"\uac70\ub798\uc9c0\uc6d0 \uc885\ub8cc","pending":"\uc218\uc2e0 \ub300\uae30"},"basis":"* 24\uc2dc\uac04 \ubcc0\ub3d9\ub960 \uae30\uc900","source":"{} \uc2dc\uc138","others":"(\ud45c\uc2dc \uc885\ubaa9\uc740 {})","as_of":"{} \uae30\uc900","frozen":"\uc2dc\uc138 \uac31\uc2e0\uc744 \uc7a0\uc2dc \uba48\ucdc4\uc2b5\ub2c8\ub2e4.","status":{"down":"\uc5f0\uacb0 \ub04a\uae40","refused":"\uc5f0\uacb0 \ubd88\uac00"},"pause":"\uc77c\uc2dc\uc815\uc9c0","resume":"\ub2e4\uc2dc \uc2dc\uc791","read":"\ud604\uc7ac \uc2dc\uc138 \uc77d\uae30"},"en":{"headers":{"name":"Coin","price":"Price ({})","percent":"Change","change":"Change ({})","source":"Exchange","time":"Time","premium":"Premium","sparkline":"24 hours"},"currencies":{},"states":{"stale":"delayed","held":"checking","suspended":"suspended","delisted":"delisted","pending":"waiting"},"basis":"* 24-hour change","source":"{} prices","others":" (marked: {})","as_of":"as of {}","frozen":"Updates are paused for the moment.","status":{"down":"offline","refused":"unavailable"},"pause":"Pause","resume":"Resume","read":"Read prices"}};

const SILENCE = 30_000; // without any message: the link is dead and every price is old
const LINGER = 30_000; // a link outlives its last user by this
const HIDDEN = 300_000; // a hidden page keeps its links for this long
const RETRY = 10_000; // the first wait is a random part of this; it doubles to a minute
const POLL = 10_000;
const CLIMB = 20_000; // how often the websocket is tried again from below
const HISTORY = 300_000;
const DAY = 86_400_000;
const NOTHING = '\u2014';
const DOT = ' \u00b7 ';

/** Milliseconds on a clock that no reader can set. */
const now = () => performance.now();

// ---------------------------------------------------------------------------------------------------- connection

const links = new Map(); // one per server, board and language of this page, however many users
const near = new Set(); // the elements within 300 px of the viewport
let timer; // the page's only interval
let asleep = false;
let hiddenAt = Infinity;

/** Live rows of one board, see widget.d.ts: `listener` is called after every change of what is returned as `feed`. */
export function connect({ server, board, lang = 'ko', symbols, interval = 1000 }, listener) {
  const key = [server, board, lang].join();
  const user = { symbols, interval, listener };
  if (!links.has(key)) links.set(key, makeLink(`${server || HOME}/v1/`, board ? `/${board}` : '', lang));
  const link = links.get(key);
  watchPage();
  link.join(user);
  return { feed: link.feed, history: link.history, close: () => link.leave(user) };
}

function makeLink(base, board, lang) {
  const feed = { status: 'connecting', stale: false, rows: new Map() };
  const users = new Set();
  const charts = new Map(); // symbol -> {at, points}
  let serving; // the line whose messages count
  let dialled; // the line that has not delivered a snapshot yet
  let kind = 0; // of the next line: 0 websocket, 1 server-sent events, 2 polling
  let worked = false; // some line has delivered on this page
  let filtered = true; // until a server refuses our list of symbols
  let refused = false;
  let failures = 0;
  let seq;
  let askedAt = 0; // when everything was asked for again, after a gap
  let heardAt = now();
  let lostAt = heardAt;
  let leftAt;
  let dueAt = Infinity;
  let climbAt = Infinity;

  const tell = () => users.forEach((user) => user.listener?.(feed));
  const load = (url) => fetch(url, { credentials: 'omit' });

  function address(path) {
    const url = new URL(`${base + path + board}?lang=${lang}`);
    const lists = [...users].map((user) => user.symbols);
    if (filtered && lists.every(Boolean)) url.searchParams.set('symbols', [...new Set(lists.flat())].sort());
    url.searchParams.set('interval_ms', Math.min(...[...users].map((user) => user.interval)));
    return url;
  }

  function dial() {
    dialled?.close();
    dueAt = Infinity;
    dialled = { kind, at: now(), query: address('').search };
    [openSocket, openEvents, openPolling][kind](dialled);
  }

  function openSocket(line) {
    const url = address('stream');
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = new WebSocket(url);
    line.ask = () => socket.send('{"op":"snapshot"}');
    line.close = () => {
      socket.onmessage = socket.onclose = null;
      socket.close();
    };
    socket.onmessage = ({ data }) => hear(line, data);
    socket.onclose = ({ code }) => lose(line, code);
  }

  function openEvents(line) {
    const source = new EventSource(address('events'));
    line.ask = dial;
    line.close = () => source.close();
    source.onmessage = ({ data }) => hear(line, data);
    source.onerror = () => lose(line);
  }

  function openPolling(line) {
    let open = true;
    line.close = () => (open = false);
    const poll = async () => {
      const answer = await load(address('snapshot')).catch(() => ({}));
      const text = answer.ok && (await answer.text().catch(() => ''));
      if (!open) return;
      if (!text) return lose(line, answer.status, 1000 * answer.headers?.get('Retry-After'));
      hear(line, text, 'snapshot');
      setTimeout(() => open && poll(), POLL * (0.8 + 0.4 * Math.random()));
    };
    poll();
  }

  function hear(line, text, type) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return lose(line);
    }
    type ??= message.type;
    heardAt = now();
    feed.stale = false;
    if (type === 'bye') return lose(line, 0, message.retry_ms);
    if (type === 'snapshot') {
      serve(line);
      feed.board = message;
      feed.rows = new Map(message.rows.map((row) => [row.symbol, row]));
    } else {
      if (line !== serving || (type !== 'update' && type !== 'heartbeat')) return;
      if (message.seq !== seq + 1) return resync(line);
      for (const row of message.rows ?? []) feed.rows.set(row.symbol, { ...feed.rows.get(row.symbol), ...row });
    }
    seq = message.seq;
    feed.ts = message.ts;
    tell();
  }

  /** The line has delivered everything: it takes over from whichever served before. */
  function serve(line) {
    askedAt = 0;
    if (line === serving) return;
    serving?.close();
    serving = line;
    if (dialled === line) dialled = null;
    worked = true;
    failures = 0;
    climbLater();
    feed.status = 'live';
    feed.transport = ['websocket', 'events', 'polling'][kind];
  }

  function climbLater() {
    kind = serving.kind;
    climbAt = kind ? now() + CLIMB : Infinity;
  }

  /** A number is missing, so what is shown may be wrong: ask for everything once, then give the line up. */
  function resync(line) {
    if (askedAt) return now() - askedAt > 5000 && lose(line);
    askedAt = now();
    line.ask();
  }

  function lose(line, code, wait) {
    line.close();
    if (line === dialled) dialled = null;
    if (line === serving) {
      serving = null;
      lostAt = now();
    }
    if (serving) return climbLater();
    if (dialled) return;
    askedAt = 0;
    refused = [1002, 1007, 1008, 1009].includes(code) || (!filtered && code >= 400 && code < 429);
    if (refused) feed.status = 'refused';
    else dueAt = now() + (code === 4029 ? 60_000 : wait || 0) + nextWait();
    tell();
  }

  /** The next way in at once while none has ever worked; else a random wait that doubles, and sometimes another way. */
  function nextWait() {
    if (!worked && kind < 2) return kind++ && 0;
    if (!worked && filtered) return (kind = 0), (filtered = false), 0;
    if (++failures % 3 === 0) kind = (kind + 1) % 3;
    return Math.random() * Math.min(60_000, RETRY * 2 ** (failures - 1));
  }

  async function chart(symbol, known) {
    const answer = await load(`${base}history/${feed.board.board}/${symbol}?points=72`);
    known.points = (await answer.json()).points ?? [];
    tell();
  }

  return {
    feed,
    join(user) {
      users.add(user);
      setTimeout(() => {
        // Only now, together with every other element that came in the same turn.
        if (!users.size || asleep || refused || dialled || dueAt < Infinity) return;
        if (!serving || (kind < 2 && serving.query !== address('').search)) dial();
      });
    },
    leave(user) {
      if (users.delete(user)) leftAt = now();
    },
    /** Once a second, everything that depends on time; true when the link is of no use any more. */
    tick() {
      const time = now();
      if (!users.size) return time - leftAt > LINGER;
      if (asleep) return;
      if (serving && time - heardAt > SILENCE) lose(serving);
      if (dialled && time - dialled.at > RETRY) lose(dialled);
      if (time >= dueAt) dial();
      if (time >= climbAt) dial((climbAt = Infinity), (kind = 0));
      const { status, stale } = feed;
      feed.stale = time - heardAt > SILENCE;
      if (!serving && !refused && time - lostAt > 2000) feed.status = 'down';
      if (status !== feed.status || stale !== feed.stale) tell();
    },
    sleep() {
      serving?.close();
      dialled?.close();
      serving = dialled = null;
      dueAt = climbAt = Infinity;
      lostAt = now();
    },
    wake() {
      if (users.size && !serving && !dialled && !refused) dial();
    },
    /** The known last 24 hours as [minute end, price] pairs; newer ones are fetched when due and told like a change. */
    history(symbol) {
      const known = charts.get(symbol) ?? { points: [], at: -HISTORY };
      charts.set(symbol, known);
      if (now() - known.at > HISTORY) {
        known.at = now();
        chart(symbol, known).catch(() => {});
      }
      return known.points;
    },
  };
}

/** The page's life: one timer for everything, and the events that end and resume the links. */
function watchPage() {
  if (timer) return;
  timer = setInterval(() => {
    if (now() - hiddenAt > HIDDEN) sleep();
    for (const [key, link] of links) if (link.tick()) link.sleep(links.delete(key));
    near.forEach((tick) => tick());
  }, 1000);
  addEventListener('pagehide', sleep);
  addEventListener('pageshow', wake);
  addEventListener('online', wake);
  document.addEventListener('visibilitychange', () => {
    hiddenAt = document.hidden ? now() : Infinity;
    if (!document.hidden) wake();
  });
}

function sleep() {
  if (!asleep) links.forEach((link) => link.sleep());
  asleep = true;
}

function wake() {
  asleep = false;
  links.forEach((link) => link.wake());
}

// ---------------------------------------------------------------------------------------------------------- text

const fill = (text, value) => text.replace('{}', () => value);

/** Wire text for readers: ("57895000", 0) -> "57,895,000", ("529", 1) -> "529.0". */
function group(text, digits) {
  const [whole, fraction = ''] = text.split('.');
  const rest = fraction.padEnd(digits, '0');
  return whole.replace(/\B(?=(\d{3})+$)/g, ',') + (rest && `.${rest}`);
}

const plus = (value) => (value > 0 ? '+' : value < 0 ? '-' : '');

/** Wire percent for readers: ("5.8", 2) -> "+5.80%", ("5.8", "trim") -> "+5.8%". */
function percent(text, digits = 2) {
  if (text == null) return NOTHING;
  const value = Math.abs(text);
  const shown = digits === 'trim' ? value : (Math.round(value * 10 ** digits) / 10 ** digits).toFixed(digits);
  return `${plus(text)}${shown}%`;
}

function difference(price, ref, digits) {
  if (price == null || ref == null) return NOTHING;
  const places = Math.max(digits, ...[price, ref].map((text) => text.split('.')[1]?.length ?? 0));
  return plus(price - ref) + group(Math.abs(price - ref).toFixed(places), 0);
}

const clocks = {};

/** ["2026-11-23", "10:42:07", "GMT+9"] on the clock of a time zone. */
function clock(ts, timeZone) {
  clocks[timeZone] ??= new Intl.DateTimeFormat('sv', { timeZone, dateStyle: 'short', timeStyle: 'long' });
  return clocks[timeZone].format(ts).replace('\u2212', '-').match(/\d[\d:-]+|[A-Z].*/g);
}

// ------------------------------------------------------------------------------------------------------- element

const USUAL = { list: 'price,percent', strip: 'price,percent', card: 'price,percent,change,sparkline' };
const TAGS = { list: ['tbody', 'tr', 'th', 'td'], strip: ['ul', 'li', 'span', 'span'], card: ['div', 'div', 'span', 'span'] };
const still = globalThis.matchMedia?.('(prefers-reduced-motion: reduce)');
let observer;
let sheet;

const ownPage = () => document.body.classList.contains('ct-page');
const pick = (value, allowed) => (allowed.includes(value) ? value : allowed[0]);

/** A new element with our class, and the same name as its part for the publisher's own style. */
function make(tag, name, ...children) {
  const node = document.createElement(tag);
  node.className = name && `ct-${name}`;
  node.part = name;
  node.append(...children);
  return node;
}

/** Write text where it differs, into the text node that is there; true when it did. */
function put(node, text) {
  const place = node?.firstChild ?? node;
  if (!place || place.textContent === text) return false;
  place.textContent = text;
  return true;
}

/** One sheet for all elements; a linked one where sheets cannot be adopted. */
function dress(tree) {
  try {
    if (!sheet) (sheet = new CSSStyleSheet()).replaceSync(STYLE);
    tree.adoptedStyleSheets = [...tree.adoptedStyleSheets, sheet];
  } catch {
    const link = Object.assign(make('link', ''), { rel: 'stylesheet', href: `${HOME}/widget.css` });
    (tree.head ?? tree).append(link);
  }
}

/** A line through prices in a box of 100 by 30, over the level it started from. */
function draw(cell, prices) {
  const svg = (tag, name, value) => {
    const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
    node.setAttribute(name, value);
    return node;
  };
  const low = Math.min(...prices);
  const scale = 26 / (Math.max(...prices) - low || 1);
  const spots = prices.map((price, i) => `${((100 * i) / (prices.length - 1)).toFixed(1)} ${(28 - (price - low) * scale).toFixed(1)}`);
  const box = svg('svg', 'viewBox', '0 0 100 30');
  box.setAttribute('preserveAspectRatio', 'none');
  box.ariaHidden = true;
  box.append(svg('path', 'd', `M${spots[0]}H100`), svg('path', 'd', `M${spots.join('L')}`));
  cell.replaceChildren(box);
}

/** Everything one element does: adopt the server's markup or build its own, connect while near, paint when told. */
function mount(host) {
  const shown = new Map(); // symbol -> {node, name, cells, source}
  const bornAt = now();
  let root; // the div that holds everything, in the light or in a shadow tree
  let client;
  let words;
  let form;
  let columns;
  let link;
  let limit;
  let symbols;
  let options;
  let paused = false;
  let queued = false;
  let ready = false;
  let wasStale = false;
  let paintedAt = -Infinity;
  let turn = 0;
  // Of the painting at hand:
  let feed;
  let board;
  let zone;
  let main;
  let newest;
  let unit;

  const attr = (name) => host.getAttribute(name);
  const find = (name) => root.querySelector(`.ct-${name}`);
  const list = (name) => attr(name)?.match(/\w+/g);
  const sourceName = (source) => board.sources?.[source] ?? source;
  const emit = (name, detail) =>
    host.dispatchEvent(new CustomEvent(`ticker-${name}`, { detail, bubbles: true, composed: true, cancelable: true }));

  function read() {
    const lang = pick((host.closest('[lang]')?.lang || 'ko').slice(0, 2), ['en', 'ko']);
    words = WORDS[lang];
    form = pick(attr('form'), ['list', 'strip', 'card']);
    columns = (list('columns') ?? []).filter((column) => column !== 'name' && Object.hasOwn(words.headers, column));
    if (!columns[0]) columns = USUAL[form].split(',');
    link = attr('link');
    symbols = list('symbols');
    limit = form === 'card' ? 1 : +attr('limit') || undefined;
    const interval = +attr('interval') || (navigator.connection?.saveData ? 5000 : 1000);
    options = { server: attr('server'), board: attr('board'), lang, symbols, interval: Math.min(interval, 30_000) };
    return {
      form,
      theme: pick(attr('theme') ?? (ownPage() && 'auto'), ['inherit', 'auto', 'light', 'dark']),
      colors: pick(attr('colors') ?? lang, ['ko', 'en', 'safe']),
      nosnippet: '',
    };
  }

  /** The server's markup stays where it is; without any, ours goes into a shadow tree. */
  function start() {
    read();
    root = host.querySelector('.ct');
    if (root) {
      if (!getComputedStyle(root).getPropertyValue('--ct')) dress(host.getRootNode());
      root.querySelectorAll('[data-symbol]').forEach((node) => shown.set(node.dataset.symbol, parts(node)));
      root.prepend(makeBar());
    } else {
      const tree = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
      dress(tree);
      root = make('div', '');
      root.className = 'ct ct-wait';
      tree.append(root);
      build();
    }
    root.addEventListener('click', (event) => {
      const { symbol } = event.target.closest('[data-symbol]')?.dataset ?? {};
      if (symbol && !emit('click', { symbol })) event.preventDefault();
    });
    if (ownPage() && parent !== window) new ResizeObserver(tellHeight).observe(document.body);
  }

  /** The form's own markup, with waiting rows that reserve the height. */
  function build() {
    Object.assign(root.dataset, read());
    shown.clear();
    const body = make(TAGS[form][0], 'rows');
    const title = make('b', 'title', '\xa0');
    let rows = [title, body];
    if (form === 'list') {
      const table = make('table', 'table');
      const heads = ['name', ...columns].map((column) => make('th', `head-${column}`, words.headers[column] ?? ''));
      heads.forEach((head) => (head.scope = 'col'));
      table.createCaption().append(title);
      table.createTHead().append(make('tr', 'head', ...heads));
      table.append(body);
      rows = [table];
    } else if (form === 'strip') Object.assign(body, { role: 'list', tabIndex: 0 });
    for (let i = limit ?? symbols?.length ?? 20; i--; ) body.append(makeRow().node);
    const credit = attr('credit') === 'off' ? '' : make('span', 'credit', 'ticker');
    root.replaceChildren(makeBar(), ...rows, make('p', 'footnote', '\xa0'), make('p', 'disclaimer', '\xa0', credit));
    ready = false;
  }

  function makeRow(symbol) {
    const [, rowTag, nameTag, cellTag] = TAGS[form];
    const node = make(rowTag, 'row');
    node.append(make(nameTag, 'name', '\xa0'), ...columns.map((column) => make(cellTag, column)));
    if (form === 'list') node.firstChild.scope = 'row';
    if (symbol) node.dataset.symbol = symbol;
    return parts(node);
  }

  function parts(node) {
    return { node, name: node.firstElementChild, cells: columns.map((column) => node.querySelector(`.ct-${column}`)) };
  }

  function makeBar() {
    const button = (name, onclick) => Object.assign(make('button', name, words[name]), { type: 'button', onclick });
    const status = (name) => Object.assign(make('span', name), { role: 'status' });
    const said = status('said');
    const read = button('read', () => {
      const texts = [...shown.values()].map(({ node }) => [...node.children].map((cell) => cell.textContent).join(' '));
      put(said, texts.join(', '));
    });
    const pause = button('pause', () => {
      paused = !paused;
      put(pause, paused ? words.resume : words.pause);
      queue();
    });
    if (paused) put(pause, words.resume);
    return make('div', 'bar', status('banner'), read, pause, said);
  }

  /** In the next animation frame, and no sooner than the interval allows. */
  function queue() {
    if (queued || paused) return;
    queued = true;
    setTimeout(() => requestAnimationFrame(paint), paintedAt + options.interval - now());
  }

  function paint() {
    queued = false;
    if (!client || paused) return;
    ({ feed } = client);
    ({ board } = feed);
    put(find('banner'), words.status[feed.status] ?? '');
    if (feed.stale && !wasStale) emit('stale', { board: options.board });
    wasStale = feed.stale;
    if (!board) return;
    paintedAt = now();
    const rows = [...feed.rows.values()].filter((row) => !symbols || symbols.includes(row.symbol)).slice(0, limit);
    const used = new Set(rows.map((row) => row.source));
    const sources = Object.keys(board.sources ?? {});
    main = sources.find((source) => used.has(source)) ?? sources[0];
    newest = Math.max(...rows.map((row) => row.ts ?? 0));
    unit = words.currencies[board.quote] ?? board.quote;
    zone = board.timezone ?? (board.quote === 'KRW' ? 'Asia/Seoul' : 'UTC');
    paintHead();
    paintRows(rows);
    const others = sources.filter((source) => source !== main && used.has(source)).map(sourceName);
    put(find('footnote'), footnote(others));
    if (board.disclaimer) put(find('disclaimer').firstChild, board.disclaimer);
    root.classList.remove('ct-wait');
    if (!ready) emit('ready', { board: board.board });
    ready = true;
  }

  function paintHead() {
    const title = find('title');
    const notice = find('notice');
    const text = [board.simulated, board.frozen && words.frozen, board.notice].filter(Boolean).join(' ');
    put(title, board.title);
    if (!text) notice?.remove();
    else if (!notice) (form === 'list' ? title : find('rows')).after(make('p', 'notice', text));
    else put(notice, text);
    const heads = root.querySelectorAll('thead th');
    ['name', ...columns].forEach((column, i) => put(heads[i], fill(words.headers[column], unit)));
    if (form === 'strip') find('rows').ariaLabel = board.title;
  }

  function paintRows(rows) {
    const body = root.querySelector('tbody,.ct-rows');
    rows.forEach((row, i) => {
      if (!shown.has(row.symbol)) shown.set(row.symbol, makeRow(row.symbol));
      const line = shown.get(row.symbol);
      paintRow(row, line);
      if (body.children[i] !== line.node) body.insertBefore(line.node, body.children[i]);
    });
    while (body.children.length > rows.length) {
      shown.delete(body.lastChild.dataset.symbol);
      body.lastChild.remove();
    }
  }

  function paintRow(row, line) {
    const { node, name, cells } = line;
    // Nothing is live once the link itself has been silent for too long.
    const state = feed.stale && row.state === 'live' ? 'stale' : row.state;
    const direction = { '+': 'ct-up', '-': 'ct-down' }[plus(row.change_pct)] ?? '';
    if (node.className !== direction) node.className = direction;
    if (state === 'live') delete node.dataset.state;
    else node.dataset.state = state;
    paintName(row, name, words.states[state === 'closed' ? (row.reason ?? 'suspended') : state] ?? '');
    columns.forEach((column, i) => {
      if (column === 'sparkline') paintChart(row, cells[i]);
      // A price of another exchange is not a move of the price.
      else if (put(cells[i], cellText(column, row)) && column === 'price' && line.source === row.source) flash(cells[i]);
    });
    line.source = row.source;
  }

  function paintName({ symbol, name, source }, cell, state) {
    const mark = source && source !== main ? sourceName(source) : '';
    if (cell.textContent === [name, mark, state].filter(Boolean).join(' ')) return;
    let label = name;
    if (link) {
      label = make('a', 'link', name);
      label.href = link.replaceAll('{symbol}', encodeURIComponent(symbol));
      if (!/^https?:$/.test(label.protocol)) label.removeAttribute('href');
      if (ownPage()) label.target = '_blank';
    }
    cell.replaceChildren(label);
    for (const [kind, text] of Object.entries({ mark, state })) if (text) cell.append(' ', make('small', kind, text));
  }

  /** The same texts as CELLS in ticker/markup.py. */
  function cellText(column, { price, decimals, change_pct, ref, source, ts, premium_pct }) {
    if (column === 'percent') return percent(change_pct, board.percent_digits);
    if (column === 'premium') return percent(premium_pct);
    if (column === 'change') return difference(price, ref, decimals);
    if (column === 'source') return source ? sourceName(source) : NOTHING;
    if (column === 'time') return ts ? rowTime(...clock(ts, zone)) : NOTHING;
    if (price == null) return NOTHING;
    return group(price, decimals) + (form !== 'card' ? '' : unit === board.quote ? ` ${unit}` : unit);
  }

  function rowTime(date, time) {
    return date === clock(newest, zone)[0] ? time : `${date.slice(5).replace('-', '.')} ${time}`;
  }

  function footnote(others) {
    const prices = main ? fill(words.source, sourceName(main)) : '';
    const parts = [board.footnote || words.basis + DOT + prices + (others[0] ? fill(words.others, others.join('\xb7')) : '')];
    if (newest) {
      const [date, time, offset] = clock(newest, zone);
      const korean = options.lang === 'ko';
      const seoul = zone === 'Asia/Seoul';
      const day = korean ? date.replace(/-/g, '.') : date;
      parts.push(fill(words.as_of, `${day} ${time}${korean && seoul ? '' : ` ${seoul ? 'KST' : offset}`}`));
    }
    return parts.join(DOT);
  }

  function paintChart({ symbol, price, ts }, cell) {
    const points = client.history(symbol).filter(([time]) => time > ts - DAY && time < ts);
    if (points.length && price != null) draw(cell, [...points, [ts, price]].map(([, value]) => +value));
  }

  /** Two equal animations in turn, because one and the same does not start again. */
  function flash(cell) {
    cell.className = `ct-price ct-${/-a$/.test(cell.className) ? 'b' : 'a'}`;
  }

  /** Once a second: without data the wait is shown, and a strip turns to its next coins. */
  function tick() {
    if (now() - bornAt > 3000) root.classList.remove('ct-wait');
    if (form !== 'strip' || paused || still.matches || root.matches(':hover,:focus-within') || ++turn % 5) return;
    const rows = find('rows');
    const left = rows.scrollLeft + rows.clientWidth;
    rows.scrollTo({ left: left > rows.scrollWidth - 4 ? 0 : left * 0.9, behavior: 'smooth' });
  }

  function seen(isNear) {
    if (isNear === !!client) return;
    near[isNear ? 'add' : 'delete'](tick);
    client?.close();
    client = isNear ? connect(options, queue) : null;
    if (isNear) queue();
  }

  start();
  return {
    seen,
    change() {
      build();
      paintedAt = -Infinity;
      if (client) seen(false), seen(true);
    },
  };
}

export class CryptoTicker extends (globalThis.HTMLElement ?? Object) {
  static observedAttributes = 'server,board,symbols,form,lang,theme,colors,columns,limit,link,credit,interval'.split(',');

  connectedCallback() {
    this.ticker ??= mount(this);
    observer ??= new IntersectionObserver(
      (entries) => entries.forEach(({ target, isIntersecting }) => target.ticker.seen(isIntersecting)),
      { rootMargin: '300px' },
    );
    observer.observe(this);
  }

  disconnectedCallback() {
    observer.unobserve(this);
    this.ticker.seen(false);
  }

  attributeChangedCallback() {
    this.ticker?.change();
  }
}

// In a frame of its own the page tells its height; the publisher's page gives it to our frames and to no others.

function tellHeight() {
  parent.postMessage({ type: 'ticker-height', height: Math.ceil(document.body.getBoundingClientRect().height) }, '*');
}

function fitFrame({ data, source, origin }) {
  for (const frame of document.querySelectorAll('iframe')) {
    if (frame.contentWindow !== source || data?.type !== 'ticker-height' || !frame.src.startsWith(`${HOME}/embed/`)) continue;
    const opaque = frame.sandbox.length && !frame.sandbox.contains('allow-same-origin');
    if (origin === (opaque ? 'null' : new URL(HOME).origin)) frame.height = Math.min(Math.max(data.height | 0, 40), 4000);
  }
}

if (globalThis.customElements && !customElements.get('crypto-ticker')) {
  addEventListener('message', fitFrame);
  customElements.define('crypto-ticker', CryptoTicker);
}
