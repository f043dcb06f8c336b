/*! ticker: <crypto-ticker>, live crypto prices for news pages. MIT */

/** The folder this script came from, path prefix included: the default server. */
const HOME = new URL('.', import.meta.url).href;

/** The element's style; a release names the sheet it was made with, which is kept as long as the script. */
const STYLE = `${HOME}widget.css`;

// These two lines are written by `python -m ticker.sidebar.style` from ticker/sidebar/words.py.
const KEYS = 'name|price|percent|change|source|time|premium|sparkline|stale|held|suspended|delisted|pending|down|refused|pause|resume|read|dash'.split('|');
const WORDS = {"ko": "\uc885\ubaa9|\ud604\uc7ac\uac00({})|\ubcc0\ub3d9\ub960|\ubcc0\ub3d9\uc561({})|\uac70\ub798\uc18c|\uc2dc\uac01|\uae40\ud504|24\uc2dc\uac04|\uc9c0\uc5f0|\ud655\uc778 \uc911|\uac70\ub798 \uc815\uc9c0|\uac70\ub798\uc9c0\uc6d0 \uc885\ub8cc|\uc218\uc2e0 \ub300\uae30|\uc5f0\uacb0 \ub04a\uae40|\uc5f0\uacb0 \ubd88\uac00|\uc77c\uc2dc\uc815\uc9c0|\ub2e4\uc2dc \uc2dc\uc791|\ud604\uc7ac \uc2dc\uc138 \uc77d\uae30|.", "en": "Coin|Price ({})|Change|Change ({})|Exchange|Time|Premium|24 hours|delayed|checking|suspended|delisted|waiting|offline|unavailable|Pause|Resume|Read prices|\u2011"};

const SILENCE = 30_000; // without any message: the link is dead and every price is old
const LINGER = 30_000; // a link outlives its last user by this
const HIDDEN = 300_000; // a hidden page keeps its links for this long
const RETRY = 10_000; // the first wait is a random part of this; it doubles to a minute
const CLIMB = 20_000; // how often the websocket is tried again from below
const HISTORY = 300_000;
const DAY = 86_400_000;
const NOTHING = '\u2014';
/** The ways to the rows by their routes, best first: websocket, server-sent events, polling. */
const WAYS = ['stream', 'events', 'snapshot'];

/** Milliseconds on a clock that no reader can set. */
const now = () => performance.now();

/** The text at an address; what is thrown is the answer itself where the server refused. */
async function load(url) {
  const answer = await fetch(url, { credentials: 'omit' });
  if (!answer.ok) throw answer;
  return answer.text();
}

// ---------------------------------------------------------------------------------------------------- connection

const links = new Map(); // one per server, board and language of this page, however many users
let timer; // the page's only interval
let asleep;
let hiddenAt = Infinity;

/** Live rows of one board, see widget.d.ts: `listener` is called after every change of what is returned as `feed`. */
export function connect({ server, board, lang = 'ko', symbols, interval = 1000 }, listener) {
  const key = [server, board, lang].join();
  const user = { symbols, interval, listener };
  if (!links.has(key)) links.set(key, makeLink((server || HOME).replace(/\/?$/, '/v1/'), `${board ? `/${board}` : ''}?lang=${lang}`));
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
  const current = (line) => line === serving || line === dialled;

  function query() {
    const all = [...users];
    const wanted = filtered && all.every((user) => user.symbols) ? all.flatMap((user) => user.symbols).sort() : [];
    const symbols = wanted[0] ? `&symbols=${[...new Set(wanted)]}` : '';
    return `${board}&interval_ms=${Math.min(...all.map((user) => user.interval))}${symbols}`;
  }

  function dial() {
    dialled?.close();
    dueAt = climbAt = Infinity;
    dialled = { kind, at: now(), query: query() };
    [openSocket, openEvents, openPolling][kind](dialled, base + WAYS[kind] + dialled.query);
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
      await load(url).then(
        (text) => hear(line, text, 'snapshot'),
        (answer) => lose(line, answer.status, 1000 * answer.headers?.get('Retry-After')),
      );
      await new Promise((done) => setTimeout(done, 8000 + 4000 * Math.random()));
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
    // Whoever says goodbye goes on serving until the next one delivers.
    if (type === 'bye') return line === serving ? dialLater(message.retry_ms) : lose(line, 0, message.retry_ms);
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
    dueAt = Infinity;
    feed.status = 'live';
    feed.way = WAYS[line.kind];
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
    if (serving?.kind) return climbLater();
    if (dialled) return;
    // Once it has worked, only a proxy says so, while the server is away.
    const unknown = code >= 400 && code < 429;
    if (unknown && filtered) filtered = dueAt = kind = 0;
    else if ((unknown && !worked) || /^100[2789]$/.test(code)) refused = feed.status = 'refused';
    else dialLater(code === 4029 ? 60_000 : wait);
    tell();
  }

  function drop(line) {
    line?.close();
    if (line === serving) serving = null;
    else dialled = null;
  }

  /** The next way in at once while none has ever worked; else after a random wait that doubles, and sometimes another
      way. A dial that is due already stands. */
  function dialLater(wait) {
    if (dueAt < Infinity) return;
    dueAt = now() + (wait || 0);
    climbAt = Infinity;
    if (!worked && kind < 2) return ++kind;
    if (++failures % 3 === 0) kind = (kind + 1) % 3;
    dueAt += Math.random() * Math.min(60_000, (RETRY / 2) * 2 ** failures);
  }

  return {
    feed,
    join(user) {
      users.add(user);
      setTimeout(() => {
        // Only now, together with every other element that came in the same turn.
        if (!users.size || asleep || refused || dueAt < Infinity) return;
        if ((dialled || serving)?.query === query()) return;
        kind = serving?.kind ?? kind;
        dial();
      });
    },
    leave(user) {
      users.delete(user);
      leftAt = now();
    },
    /** Once a second, everything that depends on time; true when the link is of no use any more. */
    tick() {
      const time = now();
      if (!users.size) return time - leftAt > LINGER;
      if (asleep) return;
      if (serving && time - heardAt > SILENCE) lose(serving);
      if (dialled && time - dialled.at > RETRY) lose(dialled);
      if (time >= climbAt) dueAt = kind = 0;
      if (time >= dueAt) dial();
      const { status, stale } = feed;
      feed.stale = time - heardAt > SILENCE;
      if (!serving && !refused && time - lostAt > 2000) feed.status = 'down';
      if (status + stale !== feed.status + feed.stale) tell();
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
      const known = (charts[symbol] ??= { points: [], at: -Infinity });
      if (now() - known.at > HISTORY) {
        known.at = now();
        load(`${base}history/${feed.board.board}/${symbol}?points=72`)
          .then((text) => tell((known.points = JSON.parse(text).points)))
          .catch(() => {});
      }
      return known.points;
    },
  };
}

/** The page's life: one timer for everything, and the events that end and resume the links. */
function watchPage() {
  addEventListener('pagehide', () => rest(true));
  addEventListener('pageshow', () => rest());
  // A whole office comes back in the same instant.
  addEventListener('online', () => asleep || setTimeout(rest, 2000 * Math.random(), rest(true)));
  document.addEventListener('visibilitychange', () => {
    hiddenAt = document.hidden ? now() : Infinity;
    if (!document.hidden) rest();
  });
  return setInterval(() => {
    if (!asleep && now() - hiddenAt > HIDDEN) rest(true);
    for (const [key, link] of links) if (link.tick()) link.sleep(links.delete(key));
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

function difference({ price, ref, decimals }) {
  if (price == null || ref == null) return NOTHING;
  const places = [price, ref].map((text) => text.split('.')[1]?.length ?? 0);
  return plus(price - ref) + group(Math.abs(price - ref).toFixed(Math.max(decimals, ...places)), 0);
}

// ------------------------------------------------------------------------------------------------------- element

/** Of each form: its usual columns, and the tags of its rows' body, of a row, of a name and of a cell. */
const FORMS = {
  list: ['price,percent', 'tbody', 'tr', 'th', 'td'],
  strip: ['price,percent', 'ul', 'li', 'span', 'span'],
  card: ['price,percent,change,sparkline', 'div', 'div', 'span', 'span'],
};
let observer;
let sheet;

const ownPage = () => document.body.classList.contains('ct-page');
const pick = (value, allowed) => (allowed.includes(value) ? value : allowed[0]);
const whole = (value, low, high) => Math.min(Math.max(value | 0, low), high);
const list = (text) => text?.match(/\w+/g) ?? [];

/** A new element with our class, and the same name as its part for the publisher's own style. */
function make(tag, name, ...children) {
  const node = document.createElement(tag);
  node.className = `ct-${name}`;
  node.part = name;
  node.append(...children);
  return node;
}

/** A text that differs gets a new text node: one whose length changes in place counts as a shift of the layout. */
function put(node, text) {
  if (node.textContent === text) return;
  node.textContent = text;
  return true;
}

/** One adopted sheet for all elements, which needs no style-src; a linked one where that cannot be. */
async function dress(tree) {
  try {
    sheet ??= load(STYLE).then((text) => new CSSStyleSheet().replace(text));
    tree.adoptedStyleSheets = [...tree.adoptedStyleSheets, await sheet];
  } catch {
    const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href: STYLE });
    (tree.head ?? tree).append(link);
    await new Promise((done) => (link.onload = link.onerror = done));
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
  const spots = prices.map((price, i) => [(100 * i) / (prices.length - 1), 28 - (price - low) * scale]);
  const paths = [svg('path', 'd', `M${spots[0]}H100`), svg('path', 'd', `M${spots.join('L')}`)];
  const box = svg('svg', 'viewBox', '0 0 100 30', ...paths);
  box.setAttribute('preserveAspectRatio', 'none');
  box.ariaHidden = true;
  cell.replaceChildren(box);
}

/** Everything one element does: adopt the server's markup or build its own, connect while near, paint when told. */
function mount(host) {
  let lines = {}; // symbol -> {node, look, source} of its row
  let root; // the div that holds everything, in the light or in a shadow tree
  let client;
  let words;
  let form;
  let columns;
  let limit;
  let symbols;
  let options;
  let paused;
  let queued;
  let painted; // the board whose words are shown
  let wasStale;
  let turning;
  let paintedAt = -Infinity;
  // Of the painting at hand:
  let feed;
  let board;
  let main;
  let newest;

  const attr = (name) => host.getAttribute(name);
  const find = (name) => root.querySelector(`.ct-${name}`);
  const sourceName = (source) => board.sources[source] ?? source;
  const emit = (name, detail) =>
    host.dispatchEvent(new CustomEvent(`ticker-${name}`, { detail, bubbles: true, composed: true, cancelable: true }));

  /** ["2026-11-23", "10:42:07"] on the board's own clock. */
  const clock = (ts) => new Date(ts + 1000 * board.utc_offset_s).toISOString().match(/[\d:-]{8,}/g);

  /** What each column says of a row; the same texts as CELLS in ticker/sidebar/cells.py. */
  const cells = {
    __proto__: null,
    price: ({ price, decimals }) =>
      price == null ? NOTHING : group(price, decimals) + (form === 'card' ? board.unit.replace(/^\w/, ' $&') : ''),
    percent: ({ change_pct }) => percent(change_pct, board.percent_digits),
    change: difference,
    source: ({ source }) => (source ? sourceName(source) : NOTHING),
    time({ ts }) {
      if (!ts) return NOTHING;
      const [date, time] = clock(ts);
      return date === clock(newest)[0] ? time : `${date.slice(5).replace('-', '.')} ${time}`;
    },
    premium: ({ premium_pct }) => percent(premium_pct),
    sparkline({ symbol, price, ts }, cell) {
      const points = client.history(symbol).filter(([time]) => time > ts - DAY && time < ts);
      if (points[0] && price != null) draw(cell, [...points, [ts, price]].map(([, value]) => +value));
    },
  };

  function read() {
    const lang = pick(`${host.closest('[lang]')?.lang}`.slice(0, 2), ['ko', 'en']);
    words = Object.fromEntries(WORDS[lang].split('|').map((word, i) => [KEYS[i], word]));
    form = pick(attr('form'), Object.keys(FORMS));
    columns = list(attr('columns')).filter((column) => cells[column]);
    if (!columns[0]) columns = list(FORMS[form][0]);
    symbols = list(attr('symbols'));
    limit = form === 'card' ? 1 : whole(attr('limit'), 0, 1000) || symbols.length || undefined;
    const interval = whole(attr('interval'), 0, 30_000) || (navigator.connection?.saveData ? 5000 : 1000);
    options = { server: attr('server'), board: attr('board'), lang, symbols: symbols[0] && symbols, interval };
    return {
      form,
      theme: pick(attr('theme') ?? (ownPage() && 'auto'), ['inherit', 'auto', 'light', 'dark']),
      colors: pick(attr('colors') ?? lang, ['ko', 'en', 'safe']),
      nosnippet: '',
    };
  }

  /** The server's markup stays where it is; without any, ours goes into a shadow tree when its style is there. */
  function start() {
    read();
    root = host.querySelector('.ct');
    if (root) {
      if (!getComputedStyle(root).getPropertyValue('--ct')) dress(host.getRootNode());
      for (const node of root.querySelectorAll('[data-symbol]')) lines[node.dataset.symbol] = { node };
      root.prepend(makeBar());
    } else {
      const tree = host.attachShadow({ mode: 'open' });
      root = make('div', 'wait');
      root.classList.add('ct');
      build();
      dress(tree).then(() => tree.append(root));
    }
    root.onclick = (event) => {
      const symbol = event.target.closest('[data-symbol]')?.dataset.symbol;
      if (symbol && !emit('click', { symbol })) event.preventDefault();
    };
    if (ownPage() && parent !== window) {
      // Told whenever it changes, and whenever the publisher's page asks.
      new ResizeObserver((onmessage = tellHeight)).observe(document.body);
    }
  }

  /** The form's own markup, with waiting rows that reserve the height. */
  function build() {
    Object.assign(root.dataset, read());
    lines = {};
    painted = null;
    const title = make('b', 'title', '\xa0');
    const notice = Object.assign(make('p', 'notice'), { hidden: true });
    const body = make(FORMS[form][1], 'rows');
    let parts = [title, body, notice];
    if (form === 'list') {
      const heads = ['name', ...columns].map((column) => Object.assign(make('th', `head-${column}`, '\xa0'), { scope: 'col' }));
      const caption = make('caption', 'caption', title, notice);
      parts = [make('table', 'table', caption, make('thead', 'head', make('tr', 'heads', ...heads)), body)];
    } else if (form === 'strip') Object.assign(body, { role: 'list', tabIndex: 0 });
    for (let i = limit ?? 20; i--; ) body.append(makeRow());
    const credit = attr('credit') === 'off' ? '' : make('span', 'credit', 'ticker');
    root.replaceChildren(makeBar(), ...parts, make('p', 'footnote', '\xa0'), make('p', 'disclaimer', '\xa0', credit));
  }

  function makeRow(symbol) {
    const [, , rowTag, nameTag, cellTag] = FORMS[form];
    const name = make(nameTag, 'name', '\xa0');
    if (form === 'list') name.scope = 'row';
    const node = make(rowTag, 'row', name, ...columns.map((column) => make(cellTag, column, '\xa0')));
    if (symbol) node.dataset.symbol = symbol;
    return node;
  }

  function makeBar() {
    const button = (name, onclick) => Object.assign(make('button', name, words[name]), { type: 'button', onclick });
    const status = (name) => Object.assign(make('span', name), { role: 'status' });
    const said = status('said');
    const text = (node) => [...node.children].map((cell) => cell.textContent).join(' ');
    const read = button('read', () => put(said, [...find('rows').children].map(text).join(', ')));
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
    const rows = [...feed.rows.values()].filter(({ symbol }) => !symbols[0] || symbols.includes(symbol)).slice(0, limit);
    const used = new Set(rows.map((row) => row.source));
    const sources = Object.keys(board.sources);
    main = sources.find((source) => used.has(source)) ?? sources[0];
    newest = Math.max(0, ...rows.map((row) => row.ts));
    const body = find('rows');
    const nodes = rows.map(paintRow);
    if ([...body.children].some((node, i) => node !== nodes[i]) || nodes[body.children.length]) body.replaceChildren(...nodes);
    put(find('footnote'), footnote(sources.filter((source) => source !== main && used.has(source)).map(sourceName)));
    if (painted !== board) paintBoard(body);
  }

  /** What changes only with the board itself. */
  function paintBoard(body) {
    const notice = find('notice');
    put(find('title'), board.title);
    put(notice, board.notices.join(' '));
    notice.hidden = !board.notices[0];
    root.querySelectorAll('thead th').forEach((head, i) => put(head, fill(words[['name', ...columns][i]], board.unit)));
    if (form === 'strip') body.ariaLabel = board.title;
    put(find('disclaimer').firstChild, board.disclaimer);
    root.classList.remove('ct-wait');
    if (!painted) emit('ready', { board: board.board });
    painted = board;
  }

  function paintRow(row) {
    const { symbol, source } = row;
    const line = (lines[symbol] ??= { node: makeRow(symbol) });
    const { node } = line;
    const [name, ...places] = node.children;
    // Nothing is live once the link itself has been silent for too long.
    const state = feed.stale && row.state === 'live' ? 'stale' : row.state;
    const word = words[state === 'closed' ? (row.reason ?? 'suspended') : state];
    const mark = source && source !== main && sourceName(source);
    const direction = { '+': 'ct-up', '-': 'ct-down' }[plus(row.change_pct)] ?? '';
    const look = [state, row.name, mark, word].join();
    if (node.className !== direction) node.className = direction;
    if (line.look !== look) {
      line.look = look;
      if (state === 'live') delete node.dataset.state;
      else node.dataset.state = state;
      paintName(row, name, mark, word);
    }
    columns.forEach((column, i) => {
      const text = cells[column](row, places[i]);
      // A price of another exchange is not a move of the price.
      const moved = text && put(places[i], text) && column === 'price' && line.source === source;
      // Two equal animations in turn, because one and the same does not start again.
      if (!moved) return;
      places[i].classList.add('ct-a');
      places[i].classList.toggle('ct-b');
    });
    line.source = source;
    return node;
  }

  function paintName({ symbol, name }, cell, mark, word) {
    const link = attr('link');
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
    const text = fill(board.footnote, sourceName(main)) + (others[0] ? fill(board.others, others.join('\xb7')) : '');
    if (!newest) return text;
    const [date, time] = clock(newest);
    return `${text} \xb7 ${fill(board.as_of, `${date.replaceAll('-', words.dash)} ${time}`)}`;
  }

  /** A strip that nobody reads at the moment turns to its next coins. */
  function turn() {
    if (paused || matchMedia('(prefers-reduced-motion)').matches || root.matches(':hover,:focus-within')) return;
    const rows = find('rows');
    const left = rows.scrollLeft + rows.clientWidth;
    rows.scrollTo({ left: left > rows.scrollWidth - 4 ? 0 : left * 0.9, behavior: 'smooth' });
  }

  function seen(isNear) {
    if (isNear === !!client) return;
    client?.close();
    clearInterval(turning);
    client = isNear ? connect(options, queue) : null;
    if (!isNear) return;
    if (form === 'strip') turning = setInterval(turn, 5000);
    queue();
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
  static observedAttributes = list('server,board,symbols,form,lang,theme,colors,columns,limit,link,credit,interval');

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
  parent.postMessage({ type: 'ticker-height', height: document.body.offsetHeight + 1 }, '*');
}

/** Takes a frame's message; without one, asks every frame of ours: one that was faster has told nobody. */
function fitFrame({ data, source, origin }) {
  for (const frame of document.querySelectorAll('iframe')) {
    if (!frame.src.startsWith(`${HOME}embed/`)) continue;
    if (!data) frame.contentWindow.postMessage(0, '*');
    if (frame.contentWindow !== source || data?.type !== 'ticker-height') continue;
    const opaque = /^(?!.*same-origin)./.test(frame.sandbox);
    if (origin === (opaque ? 'null' : new URL(HOME).origin)) frame.height = whole(data.height, 40, 4000);
  }
}

if (globalThis.customElements && !customElements.get('crypto-ticker')) {
  addEventListener('message', fitFrame);
  fitFrame({});
  customElements.define('crypto-ticker', CryptoTicker);
}
