/*! ticker: <crypto-ticker>, live crypto prices for news pages. One file; nothing else is loaded. MIT */

/** The folder this script came from, path prefix included: the default server. */
const HOME = new URL('.', import.meta.url).href.slice(0, -1);

// These three lines are written by `python -m ticker.sidebar.style` from static/widget.css and ticker/sidebar/words.py.
const STYLE = `crypto-ticker,:host{display:block}.ct{--ct:0px;--up:#ff3040;--down:#2470ff;--soft:color-mix(in srgb,currentColor 72%,transparent);--line:var(--ticker-line,color-mix(in srgb,currentColor 14%,transparent));position:relative;padding:var(--ct);font-family:var(--ticker-font,inherit);font-size:var(--ticker-size,.94em);font-variant-numeric:tabular-nums;line-height:1.4;text-align:start;word-break:keep-all}.ct[data-colors=en]{--up:#0a9a55;--down:#ff3040}.ct[data-colors=safe]{--up:#d95f02}.ct-up{--tone:var(--ticker-up,color-mix(in srgb,var(--up) 75%,currentColor));--arrow:"\\25b2"}.ct-down{--tone:var(--ticker-down,color-mix(in srgb,var(--down) 75%,currentColor));--arrow:"\\25bc"}.ct:not([data-theme=inherit]){--ct:12px;background:var(--ticker-background,light-dark(#fff,#17181c));color:var(--ticker-color,light-dark(#1b1c1f,#e9eaee));color-scheme:light}.ct[data-theme=dark]{color-scheme:dark}.ct[data-theme=auto]{color-scheme:light dark}.ct :where(table,p,ul,.ct-title){margin:0;padding:0;color:inherit;font:inherit}.ct table{width:100%;border-collapse:collapse}.ct caption{padding:0 0 .45em;border-bottom:2px solid;color:inherit;text-align:start}.ct .ct-title{font-size:1.07em;font-weight:700}.ct tr{border-bottom:1px solid var(--line)}.ct :is(th,td){padding:.36em 0 .36em .5em;border:0;font:inherit;text-align:end;white-space:nowrap}.ct th:first-child{width:100%;padding-inline-start:0;text-align:start;white-space:normal;overflow-wrap:anywhere}.ct thead th{color:var(--soft);font-size:.8em}.ct :is(.ct-percent,.ct-change,.ct-sparkline){color:var(--tone)}.ct td.ct-percent{min-width:4.7em}.ct-percent::before{content:var(--arrow) / "";margin-inline-end:.4em;font-size:.6em;vertical-align:.25em}.ct [data-state]>*,.ct p{color:var(--soft)}.ct small{font-size:.75em;white-space:nowrap}.ct-state{padding:0 .3em;border:1px solid}.ct a{color:inherit}.ct p{margin-top:.5em;font-size:.8em}.ct .ct-disclaimer{margin-top:0}.ct .ct-notice{padding:.4em .6em;background:var(--line);color:inherit}.ct-credit{margin-inline-start:.5em}.ct-sparkline{min-width:3.4em}.ct svg{display:block;width:100%;height:1.4em;overflow:visible;fill:none;stroke:currentColor}.ct path{stroke-width:1.5px;vector-effect:non-scaling-stroke}.ct path:first-child{opacity:.4}.ct-bar{position:absolute;inset:var(--ct) var(--ct) auto auto;display:flex;gap:4px;font-size:.75em}.ct button,.ct-banner:not(:empty){min-height:24px;margin:0;padding:0 .6em;border:1px solid var(--line);background:none;color:inherit;font:inherit;line-height:22px;white-space:nowrap}.ct .ct-banner{border-color:currentColor;font-weight:700}.ct :is(.ct-said,.ct-read:not(:focus)),.ct:not([data-form=list])>.ct-title{position:absolute;inset:0 0 auto auto;height:1px;overflow:hidden;clip-path:inset(50%)}.ct-wait{animation:ct-wait 3s step-end}@keyframes ct-wait{from{visibility:hidden}}.ct ul{display:flex;gap:1.4em;overflow-x:auto;line-height:24px;white-space:nowrap;list-style:none;scrollbar-width:none;mask:linear-gradient(90deg,#000 92%,transparent)}.ct ul~p{margin-top:0}.ct ul~p:not(.ct-disclaimer){margin:6px 6.5em 4px 0}.ct[data-form=strip] .ct-bar{margin-top:28px}.ct li>*{margin-inline-end:.5em}.ct span.ct-name,.ct div>.ct-price{font-weight:700}.ct div>div{display:flex;flex-wrap:wrap;align-items:baseline;gap:0 .7em}.ct div>:is(.ct-name,.ct-price,.ct-sparkline){width:100%;line-height:24px}.ct div>.ct-price{font-size:1.6em}.ct div>.ct-sparkline{margin-top:.5em}.ct div svg{height:3em}@media (prefers-reduced-motion:no-preference){.ct-a{animation:ct-a .6s}.ct-b{animation:ct-b .6s}}@keyframes ct-a{from{opacity:.3}}@keyframes ct-b{from{opacity:.3}}@media print{.ct-bar{display:none}}`;
const KEYS = 'name price percent change source time premium sparkline KRW USD JPY stale held suspended delisted pending down refused from basis others as_of frozen pause resume read'.split(' ');
const WORDS = {"ko": "\uc885\ubaa9|\ud604\uc7ac\uac00({})|\ubcc0\ub3d9\ub960|\ubcc0\ub3d9\uc561({})|\uac70\ub798\uc18c|\uc2dc\uac01|\uae40\ud504|24\uc2dc\uac04|\uc6d0|\ub2ec\ub7ec|\uc5d4|\uc9c0\uc5f0|\ud655\uc778 \uc911|\uac70\ub798 \uc815\uc9c0|\uac70\ub798\uc9c0\uc6d0 \uc885\ub8cc|\uc218\uc2e0 \ub300\uae30|\uc5f0\uacb0 \ub04a\uae40|\uc5f0\uacb0 \ubd88\uac00|{} \uc2dc\uc138|* 24\uc2dc\uac04 \ubcc0\ub3d9\ub960 \uae30\uc900|(\ud45c\uc2dc \uc885\ubaa9\uc740 {})|{} \uae30\uc900|\uc2dc\uc138 \uac31\uc2e0\uc744 \uc7a0\uc2dc \uba48\ucdc4\uc2b5\ub2c8\ub2e4.|\uc77c\uc2dc\uc815\uc9c0|\ub2e4\uc2dc \uc2dc\uc791|\ud604\uc7ac \uc2dc\uc138 \uc77d\uae30", "en": "Coin|Price ({})|Change|Change ({})|Exchange|Time|Premium|24 hours||||delayed|checking|suspended|delisted|waiting|offline|unavailable|{} prices|* 24-hour change| (marked: {})|as of {}|Updates are paused for the moment.|Pause|Resume|Read prices"};

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
const near = new Set(); // what each element within 300 px of the viewport does once a second
let timer; // the page's only interval
let asleep;
let hiddenAt = Infinity;

/** Live rows of one board, see widget.d.ts: `listener` is called after every change of what is returned as `feed`. */
export function connect({ server, board, lang = 'ko', symbols, interval = 1000 }, listener) {
  const key = [server, board, lang].join();
  const user = { symbols, interval, listener };
  if (!links.has(key)) links.set(key, makeLink(`${server || HOME}/v1/`, `${board ? `/${board}` : ''}?lang=${lang}`));
  const { feed, history, join, leave } = links.get(key);
  timer ??= watchPage();
  join(user);
  return { feed, history, close: () => leave(user) };
}

function makeLink(base, board) {
  const feed = { status: 'connecting', stale: false, rows: new Map() };
  const users = new Set();
  const charts = {}; // symbol -> {at, points}
  let serving; // the line whose messages count
  let dialled; // the line that has not delivered a snapshot yet
  let kind = 0; // of the next line: 0 websocket, 1 server-sent events, 2 polling
  let worked; // some line has delivered on this page
  let filtered = true; // until a server refuses our list of symbols
  let refused;
  let failures = 0;
  let seq;
  let askedAt; // when everything was asked for again, after a gap
  let heardAt = now();
  let lostAt = heardAt;
  let leftAt;
  let dueAt = Infinity;
  let climbAt = Infinity;

  const tell = () => users.forEach((user) => user.listener?.(feed));
  const load = (url) => fetch(url, { credentials: 'omit' });
  const current = (line) => line && (line === serving || line === dialled);

  function query() {
    const all = [...users];
    const wanted = filtered && all.every((user) => user.symbols) ? all.flatMap((user) => user.symbols).sort() : [];
    const symbols = wanted[0] ? `&symbols=${[...new Set(wanted)]}` : '';
    return `${board}&interval_ms=${Math.min(...all.map((user) => user.interval))}${symbols}`;
  }

  function dial() {
    dialled?.close();
    dueAt = Infinity;
    dialled = { kind, at: now(), query: query() };
    [openSocket, openEvents, openPolling][kind](dialled, base + ['stream', 'events', 'snapshot'][kind] + dialled.query);
  }

  function openSocket(line, url) {
    const socket = new WebSocket(url.replace('http', 'ws'));
    line.ask = () => socket.send('{"op":"snapshot"}');
    line.close = () => socket.close();
    socket.onmessage = ({ data }) => hear(line, data);
    socket.onclose = ({ code }) => lose(line, code);
  }

  function openEvents(line, url) {
    const source = new EventSource(url);
    line.ask = dial;
    line.close = () => source.close();
    source.onmessage = ({ data }) => hear(line, data);
    source.onerror = () => lose(line);
  }

  async function openPolling(line, url) {
    line.close = () => {};
    while (current(line)) {
      const answer = await load(url).catch(() => ({}));
      const text = answer.ok && (await answer.text().catch(() => ''));
      if (text) hear(line, text, 'snapshot');
      else lose(line, answer.status, 1000 * answer.headers?.get('Retry-After'));
      await new Promise((done) => setTimeout(done, POLL * (0.8 + 0.4 * Math.random())));
    }
  }

  function hear(line, text, type) {
    let message;
    if (!current(line)) return;
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
    dialled = null;
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
    if (!askedAt) {
      askedAt = now();
      line.ask();
    } else if (now() - askedAt > 5000) lose(line);
  }

  function lose(line, code, wait) {
    if (!current(line)) return;
    if (line === serving) lostAt = now();
    drop(line);
    if (serving) return climbLater();
    if (dialled) return;
    askedAt = 0;
    refused = [1002, 1007, 1008, 1009].includes(code) || (!filtered && code >= 400 && code < 429);
    if (refused) feed.status = 'refused';
    else dueAt = now() + (code === 4029 ? 60_000 : wait || 0) + nextWait();
    tell();
  }

  function drop(line) {
    if (line === serving) serving = null;
    if (line === dialled) dialled = null;
    line?.close();
  }

  /** The next way in at once while none has ever worked; else a random wait that doubles, and sometimes another way. */
  function nextWait() {
    if (!worked && kind < 2) return kind++ && 0;
    if (!worked && filtered) return (filtered = false) || (kind = 0);
    if (++failures % 3 === 0) kind = (kind + 1) % 3;
    return Math.random() * Math.min(60_000, RETRY * 2 ** (failures - 1));
  }

  return {
    feed,
    join(user) {
      users.add(user);
      setTimeout(() => {
        // Only now, together with every other element that came in the same turn.
        if (!users.size || asleep || refused || dialled || dueAt < Infinity) return;
        if (!serving || (kind < 2 && serving.query !== query())) dial();
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
      if (time >= climbAt) (climbAt = Infinity), (dueAt = kind = 0);
      if (time >= dueAt) dial();
      const { status, stale } = feed;
      feed.stale = time - heardAt > SILENCE;
      if (!serving && !refused && time - lostAt > 2000) feed.status = 'down';
      if (status !== feed.status || stale !== feed.stale) tell();
    },
    sleep() {
      drop(serving);
      drop(dialled);
      dueAt = climbAt = Infinity;
      lostAt = now();
    },
    wake() {
      if (users.size && !serving && !dialled && !refused) dial();
    },
    /** The known last 24 hours as [minute end, price] pairs; newer ones are fetched when due and told like a change. */
    history(symbol) {
      const known = (charts[symbol] ??= { points: [], at: -HISTORY });
      if (now() - known.at > HISTORY) {
        known.at = now();
        load(`${base}history/${feed.board.board}/${symbol}?points=72`)
          .then((answer) => answer.json())
          .then(({ points = [] }) => tell((known.points = points)))
          .catch(() => {});
      }
      return known.points;
    },
  };
}

/** The page's life: one timer for everything, and the events that end and resume the links. */
function watchPage() {
  addEventListener('pagehide', () => rest(true));
  addEventListener('pageshow', () => rest(false));
  addEventListener('online', () => rest(false));
  document.addEventListener('visibilitychange', () => {
    hiddenAt = document.hidden ? now() : Infinity;
    if (!document.hidden) rest(false);
  });
  return setInterval(() => {
    if (!asleep && now() - hiddenAt > HIDDEN) rest(true);
    for (const [key, link] of links) if (link.tick()) link.sleep(links.delete(key));
    near.forEach((tick) => tick());
  }, 1000);
}

function rest(wanted) {
  asleep = wanted;
  links.forEach((link) => (asleep ? link.sleep() : link.wake()));
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

/** Of each form: its usual columns, and the tags of its rows' body, of a row, of a name and of a cell. */
const FORMS = {
  list: ['price,percent', 'tbody', 'tr', 'th', 'td'],
  strip: ['price,percent', 'ul', 'li', 'span', 'span'],
  card: ['price,percent,change,sparkline', 'div', 'div', 'span', 'span'],
};
const still = globalThis.matchMedia?.('(prefers-reduced-motion: reduce)');
let observer;
let sheet;

const ownPage = () => document.body.classList.contains('ct-page');
const pick = (value, allowed) => (allowed.includes(value) ? value : allowed[0]);

/** A new element with our class, and the same name as its part for the publisher's own style. */
function make(tag, name, ...children) {
  const node = document.createElement(tag);
  node.className = `ct-${name}`;
  node.part = name;
  node.append(...children);
  return node;
}

/** Write text where it differs, into the text node that is there; true when it did. */
function put(node, text) {
  const place = node?.firstChild ?? node;
  if (!place || place.textContent === text) return;
  place.textContent = text;
  return true;
}

/** One sheet for all elements; a linked one where sheets cannot be adopted. */
function dress(tree) {
  try {
    if (!sheet) (sheet = new CSSStyleSheet()).replaceSync(STYLE);
    tree.adoptedStyleSheets = [...tree.adoptedStyleSheets, sheet];
  } catch {
    const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href: `${HOME}/widget.css` });
    (tree.head ?? tree).append(link);
  }
}

/** A line through prices in a box of 100 by 30, over the level it started from. */
function draw(cell, prices) {
  const svg = (tag, name, value, ...children) => {
    const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
    node.setAttribute(name, value);
    node.append(...children);
    return node;
  };
  const low = Math.min(...prices);
  const scale = 26 / (Math.max(...prices) - low || 1);
  const spots = prices.map((price, i) => [(100 * i) / (prices.length - 1), 28 - (price - low) * scale].map((at) => at.toFixed(1)));
  const paths = [svg('path', 'd', `M${spots[0]}H100`), svg('path', 'd', `M${spots.join('L')}`)];
  const box = svg('svg', 'viewBox', '0 0 100 30', ...paths);
  box.setAttribute('preserveAspectRatio', 'none');
  box.ariaHidden = true;
  cell.replaceChildren(box);
}

/** Everything one element does: adopt the server's markup or build its own, connect while near, paint when told. */
function mount(host) {
  const shown = new Map(); // symbol -> {node, name, cells, source}
  let root; // the div that holds everything, in the light or in a shadow tree
  let client;
  let words;
  let form;
  let columns;
  let link;
  let limit;
  let symbols;
  let options;
  let paused;
  let queued;
  let ready;
  let wasStale;
  let paintedAt = -Infinity;
  let turnedAt = now();
  // Of the painting at hand:
  let feed;
  let board;
  let zone;
  let main;
  let newest;
  let unit;

  const attr = (name) => host.getAttribute(name);
  const find = (name) => root.querySelector(`.ct-${name}`);
  const list = (text) => text?.match(/\w+/g);
  const sourceName = (source) => board.sources?.[source] ?? source;
  const emit = (name, detail) =>
    host.dispatchEvent(new CustomEvent(`ticker-${name}`, { detail, bubbles: true, composed: true, cancelable: true }));

  /** What each column says of a row; the same texts as CELLS in ticker/sidebar/markup.py. */
  const cells = {
    __proto__: null,
    price: ({ price, decimals }) => {
      if (price == null) return NOTHING;
      return group(price, decimals) + (form !== 'card' ? '' : unit === board.quote ? ` ${unit}` : unit);
    },
    percent: ({ change_pct }) => percent(change_pct, board.percent_digits),
    change: ({ price, ref, decimals }) => difference(price, ref, decimals),
    source: ({ source }) => (source ? sourceName(source) : NOTHING),
    time({ ts }) {
      if (!ts) return NOTHING;
      const [date, time] = clock(ts, zone);
      return date === clock(newest, zone)[0] ? time : `${date.slice(5).replace('-', '.')} ${time}`;
    },
    premium: ({ premium_pct }) => percent(premium_pct),
    sparkline({ symbol, price, ts }, cell) {
      const points = client.history(symbol).filter(([time]) => time > ts - DAY && time < ts);
      if (points[0] && price != null) draw(cell, [...points, [ts, price]].map(([, value]) => +value));
    },
  };

  function read() {
    const lang = pick((host.closest('[lang]')?.lang || '').slice(0, 2), ['ko', 'en']);
    words = Object.fromEntries(WORDS[lang].split('|').map((word, i) => [KEYS[i], word]));
    form = pick(attr('form'), Object.keys(FORMS));
    columns = list(attr('columns'))?.filter((column) => cells[column]);
    if (!columns?.[0]) columns = list(FORMS[form][0]);
    link = attr('link');
    symbols = list(attr('symbols'));
    limit = form === 'card' ? 1 : +attr('limit') || undefined;
    const interval = Math.min(+attr('interval') || (navigator.connection?.saveData ? 5000 : 1000), 30_000);
    options = { server: attr('server'), board: attr('board'), lang, symbols, interval };
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
      root = make('div', 'wait');
      root.classList.add('ct');
      tree.append(root);
      build();
    }
    root.onclick = (event) => {
      const symbol = event.target.closest('[data-symbol]')?.dataset.symbol;
      if (symbol && !emit('click', { symbol })) event.preventDefault();
    };
    if (ownPage() && parent !== window) new ResizeObserver(tellHeight).observe(document.body);
  }

  /** The form's own markup, with waiting rows that reserve the height. */
  function build() {
    Object.assign(root.dataset, read());
    shown.clear();
    const title = make('b', 'title', '\xa0');
    const notice = Object.assign(make('p', 'notice'), { hidden: true });
    const body = make(FORMS[form][1], 'rows');
    let rows = [title, body, notice];
    if (form === 'list') {
      const heads = ['name', ...columns].map((column) => make('th', `head-${column}`, words[column]));
      heads.forEach((head) => (head.scope = 'col'));
      rows = [make('table', 'table', make('caption', 'caption', title, notice), make('thead', 'head', make('tr', 'heads', ...heads)), body)];
    } else if (form === 'strip') Object.assign(body, { role: 'list', tabIndex: 0 });
    for (let i = limit ?? symbols?.length ?? 20; i--; ) body.append(makeRow().node);
    const credit = attr('credit') === 'off' ? '' : make('span', 'credit', 'ticker');
    root.replaceChildren(makeBar(), ...rows, make('p', 'footnote', '\xa0'), make('p', 'disclaimer', '\xa0', credit));
    ready = false;
  }

  function makeRow(symbol) {
    const [, , rowTag, nameTag, cellTag] = FORMS[form];
    const node = make(rowTag, 'row', make(nameTag, 'name', '\xa0'), ...columns.map((column) => make(cellTag, column)));
    if (form === 'list') node.firstChild.scope = 'row';
    if (symbol) node.dataset.symbol = symbol;
    return parts(node);
  }

  function parts(node) {
    return { node, name: node.firstChild, cells: columns.map((column) => node.querySelector(`.ct-${column}`)) };
  }

  function makeBar() {
    const button = (name, onclick) => Object.assign(make('button', name, words[name]), { type: 'button', onclick });
    const status = (name) => Object.assign(make('span', name), { role: 'status' });
    const said = status('said');
    const read = button('read', () => {
      const text = ({ node }) => [...node.children].map((cell) => cell.textContent).join(' ');
      put(said, [...shown.values()].map(text).join(', '));
    });
    const pause = button('pause', () => {
      paused = !paused;
      put(pause, words[paused ? 'resume' : 'pause']);
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
    put(find('banner'), words[feed.status] ?? '');
    if (feed.stale && !wasStale) emit('stale', { board: options.board });
    wasStale = feed.stale;
    if (!board) return;
    paintedAt = now();
    const rows = [...feed.rows.values()].filter((row) => !symbols || symbols.includes(row.symbol)).slice(0, limit);
    const used = new Set(rows.map((row) => row.source));
    const sources = Object.keys(board.sources ?? {});
    main = sources.find((source) => used.has(source)) ?? sources[0];
    newest = Math.max(...rows.map((row) => row.ts ?? 0));
    unit = words[board.quote] || board.quote;
    zone = board.timezone ?? (board.quote === 'KRW' ? 'Asia/Seoul' : 'UTC');
    put(find('title'), board.title);
    const notice = find('notice');
    put(notice, [board.simulated, board.frozen && words.frozen, board.notice].filter(Boolean).join(' '));
    notice.hidden = !notice.textContent;
    root.querySelectorAll('thead th').forEach((head, i) => put(head, fill(words[['name', ...columns][i]], unit)));
    if (form === 'strip') find('rows').ariaLabel = board.title;
    paintRows(rows);
    put(find('footnote'), footnote(sources.filter((source) => source !== main && used.has(source)).map(sourceName)));
    if (board.disclaimer) put(find('disclaimer').firstChild, board.disclaimer);
    root.classList.remove('ct-wait');
    if (!ready) emit('ready', { board: board.board });
    ready = true;
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
    const { node } = line;
    // Nothing is live once the link itself has been silent for too long.
    const state = feed.stale && row.state === 'live' ? 'stale' : row.state;
    const word = words[state === 'closed' ? (row.reason ?? 'suspended') : state];
    const mark = row.source && row.source !== main && sourceName(row.source);
    const direction = { '+': 'ct-up', '-': 'ct-down' }[plus(row.change_pct)] ?? '';
    const look = [direction, state, row.name, mark, word].join();
    if (line.look !== look) {
      line.look = look;
      node.className = direction;
      if (state === 'live') delete node.dataset.state;
      else node.dataset.state = state;
      paintName(row, line.name, mark, word);
    }
    columns.forEach((column, i) => {
      const cell = line.cells[i];
      const text = cells[column](row, cell);
      // A price of another exchange is not a move of the price.
      const moved = text && put(cell, text) && column === 'price' && line.source === row.source;
      // Two equal animations in turn, because one and the same does not start again.
      if (moved) cell.className = `ct-price ct-${(line.beat = line.beat === 'a' ? 'b' : 'a')}`;
    });
    line.source = row.source;
  }

  function paintName({ symbol, name }, cell, mark, word) {
    if (cell.textContent === [name, mark, word].filter(Boolean).join(' ')) return;
    let label = name;
    if (link) {
      label = make('a', 'link', name);
      label.href = link.replaceAll('{symbol}', encodeURIComponent(symbol));
      if (!/^https?:$/.test(label.protocol)) label.removeAttribute('href');
      if (ownPage()) label.target = '_blank';
    }
    cell.replaceChildren(label);
    if (mark) cell.append(' ', make('small', 'mark', mark));
    if (word) cell.append(' ', make('small', 'state', word));
  }

  function footnote(others) {
    let text = board.footnote;
    if (!text) {
      text = words.basis + (main ? DOT + fill(words.from, sourceName(main)) : '');
      if (others[0]) text += fill(words.others, others.join('\xb7'));
    }
    if (!newest) return text;
    const [date, time, offset] = clock(newest, zone);
    const korean = options.lang === 'ko';
    const place = zone !== 'Asia/Seoul' ? ` ${offset}` : korean ? '' : ' KST';
    return text + DOT + fill(words.as_of, `${korean ? date.replaceAll('-', '.') : date} ${time}${place}`);
  }

  /** Every few seconds a strip that nobody reads at the moment turns to its next coins. */
  function turn() {
    if (form !== 'strip' || paused || still.matches || now() - turnedAt < 5000 || root.matches(':hover,:focus-within')) return;
    turnedAt = now();
    const rows = find('rows');
    const left = rows.scrollLeft + rows.clientWidth;
    rows.scrollTo({ left: left > rows.scrollWidth - 4 ? 0 : left * 0.9, behavior: 'smooth' });
  }

  function seen(isNear) {
    if (isNear === !!client) return;
    near[isNear ? 'add' : 'delete'](turn);
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
