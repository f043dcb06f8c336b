/*! ticker: <crypto-ticker>, live crypto prices for news pages. One module, nothing else is loaded. MIT */

/** The folder this script came from: the default server, path prefix included. */
const HOME = new URL('.', import.meta.url).href.slice(0, -1);

// The next two lines are written by `python -m ticker.style` from static/widget.css and ticker/words.py.
const STYLE = `crypto-ticker,:host{display:block}.ct{--up:#c00f2d;--down:#1550c0;--soft:inherit;--line:#ddd;box-sizing:border-box;container-type:inline-size;position:relative;margin:0;color:inherit;font-family:var(--ticker-font,inherit);font-size:var(--ticker-size,0.9375em);line-height:1.4;text-align:start;word-break:keep-all;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}@supports (color:color-mix(in srgb,red,red)){.ct{--up:color-mix(in srgb,#e4002b 62%,currentColor);--down:color-mix(in srgb,#0a5cf5 62%,currentColor);--soft:color-mix(in srgb,currentColor 72%,transparent);--line:color-mix(in srgb,currentColor 16%,transparent)}.ct[data-colors=en]{--up:color-mix(in srgb,#008a4e 62%,currentColor);--down:color-mix(in srgb,#e4002b 62%,currentColor)}.ct[data-colors=safe]{--up:color-mix(in srgb,#d05a00 62%,currentColor);--down:color-mix(in srgb,#0070c0 62%,currentColor)}}.ct[data-theme=light],.ct[data-theme=auto]{background:#fff;color:#1b1c1f}.ct[data-theme=dark]{background:#17181c;color:#e9eaee}@media (prefers-color-scheme:dark){.ct[data-theme=auto]{background:#17181c;color:#e9eaee}}.ct table{width:100%;margin:0;border:0;border-collapse:collapse;font:inherit;color:inherit}.ct caption{padding:0 0 0.4em;border-bottom:2px solid;caption-side:top;text-align:start}.ct .ct-title{margin:0;color:inherit;font:inherit;font-weight:700;font-size:1.0667em}.ct th,.ct td{padding:0.34em 0 0.34em 0.6em;border:0;border-bottom:1px solid var(--ticker-line,var(--line));background:none;font:inherit;text-align:end;white-space:nowrap;vertical-align:baseline}.ct th:first-child{width:100%;max-width:0;padding-left:0;text-align:start;overflow:hidden;text-overflow:ellipsis}.ct thead th{color:var(--ticker-soft,var(--soft));font-size:0.8em}.ct .ct-percent::before{font-size:0.6em;vertical-align:0.2em;margin-inline-end:0.3em}.ct .ct-up .ct-percent::before{content:"\\25b2" / ""}.ct .ct-down .ct-percent::before{content:"\\25bc" / ""}.ct .ct-up .ct-percent{color:var(--ticker-up,var(--up))}.ct .ct-down .ct-percent{color:var(--ticker-down,var(--down))}.ct small{margin-inline-start:0.4em;color:var(--ticker-soft,var(--soft));font-size:0.75em}.ct p{margin:0.5em 0 0;padding:0;color:var(--ticker-soft,var(--soft));font-size:0.8em}`;
const WORDS = {"ko":{"name":"\uc885\ubaa9","headers":{"price":"\ud604\uc7ac\uac00({})","percent":"\ubcc0\ub3d9\ub960","change":"\ubcc0\ub3d9\uc561({})","source":"\uac70\ub798\uc18c","time":"\uc2dc\uac01","premium":"\uae40\ud504","sparkline":"24\uc2dc\uac04"},"currencies":{"KRW":"\uc6d0","USD":"\ub2ec\ub7ec","JPY":"\uc5d4"},"states":{"stale":"\uc9c0\uc5f0","held":"\ud655\uc778 \uc911","suspended":"\uac70\ub798 \uc815\uc9c0","delisted":"\uac70\ub798\uc9c0\uc6d0 \uc885\ub8cc","pending":"\uc218\uc2e0 \ub300\uae30"},"basis":"* 24\uc2dc\uac04 \ubcc0\ub3d9\ub960 \uae30\uc900","source":"{} \uc2dc\uc138","others":"(\ud45c\uc2dc \uc885\ubaa9\uc740 {})","as_of":"{} \uae30\uc900","date":"%Y.%m.%d","disclaimer":"\uc2dc\uc138\ub294 \ucc38\uace0\uc6a9\uc774\uba70 \uc9c0\uc5f0\u00b7\uc624\ub958\uac00 \uc788\uc744 \uc218 \uc788\uc2b5\ub2c8\ub2e4. \ud22c\uc790 \ud310\ub2e8\uc758 \ucc45\uc784\uc740 \uc774\uc6a9\uc790\uc5d0\uac8c \uc788\uc2b5\ub2c8\ub2e4.","simulated":"\ubaa8\uc758 \uc2dc\uc138\uc785\ub2c8\ub2e4. \uc2e4\uc81c \uac70\ub798 \uac00\uaca9\uc774 \uc544\ub2d9\ub2c8\ub2e4.","frozen":"\uc2dc\uc138 \uac31\uc2e0\uc744 \uc7a0\uc2dc \uba48\ucdc4\uc2b5\ub2c8\ub2e4.","status":{"down":"\uc5f0\uacb0 \ub04a\uae40","refused":"\uc5f0\uacb0 \ubd88\uac00"},"pause":"\uc77c\uc2dc\uc815\uc9c0","resume":"\ub2e4\uc2dc \uc2dc\uc791","read":"\ud604\uc7ac \uc2dc\uc138 \uc77d\uae30"},"en":{"name":"Coin","headers":{"price":"Price ({})","percent":"Change","change":"Change ({})","source":"Exchange","time":"Time","premium":"Premium","sparkline":"24 hours"},"currencies":{},"states":{"stale":"delayed","held":"checking","suspended":"suspended","delisted":"delisted","pending":"waiting"},"basis":"* 24-hour change","source":"{} prices","others":" (marked: {})","as_of":"as of {}","date":"%Y-%m-%d","disclaimer":"For reference only; prices may be late or wrong. Investment decisions are your own responsibility.","simulated":"Simulated prices. These are not real market prices.","frozen":"Updates are paused for the moment.","status":{"down":"offline","refused":"unavailable"},"pause":"Pause","resume":"Resume","read":"Read prices"}};

const KINDS = ['websocket', 'events', 'polling'];
const SILENCE = 30_000; // without any message: the link is dead and every price is old
const LINGER = 30_000; // how long a link is kept after its last user left
const HIDDEN = 300_000; // how long a hidden page keeps its links
const FIRST_RETRY = 10_000;
const LAST_RETRY = 60_000;
const POLL = 10_000;
const HISTORY = 300_000;
const DAY = 86_400_000;
const NOTHING = '\u2014';

/** Milliseconds on a clock that no reader can set. */
const now = () => performance.now();

// ---------------------------------------------------------------------------------------------------- connection

/** "server board lang" -> link: one connection per page, server, board and language, however many users. */
const links = new Map();
let beat = 0; // the one timer of the page
let asleep = false;
let hiddenAt = Infinity;

/**
 * Live rows of one board; see widget.d.ts.
 * `listener(feed)` is called after every change; `feed` is the link's own state, to be read and not written.
 */
export function connect({ server = HOME, board = '', lang = 'ko', symbols = null, interval = 1000 } = {}, listener) {
  const key = [server, board, lang].join(' ');
  const user = { symbols, interval, listener };
  let link = links.get(key);
  if (!link) links.set(key, (link = makeLink(server, board, lang)));
  watchPage();
  link.join(user);
  return { feed: link.feed, history: link.history, close: () => link.leave(user) };
}

function makeLink(server, board, lang) {
  const feed = { status: 'connecting', transport: null, stale: false, rows: new Map() };
  const users = new Set();
  const charts = new Map(); // symbol -> {at, points}
  let fetching = Promise.resolve(); // one history after the other
  const worked = new Set(); // kinds that have delivered a snapshot on this page
  let serving = null; // the line whose messages count
  let dialled = null; // a line that has not yet delivered its first snapshot
  let kind = 0;
  let filtered = true; // until the server refuses our list of symbols
  let refused = false;
  let failures = 0;
  let climbs = 0;
  let seq = 0;
  let askedAt = 0; // when a snapshot was asked for after a gap
  let heardAt = now();
  let lostAt = now();
  let leftAt = 0;
  let dueAt = Infinity; // when to dial next
  let climbAt = Infinity; // when to try the websocket again from below

  const tell = () => users.forEach((user) => user.listener?.(feed));

  function address(path, query) {
    const url = new URL(`${server}/v1/${path}${board && `/${board}`}`);
    const lists = [...users].map((user) => user.symbols);
    url.searchParams.set('lang', lang);
    if (filtered && lists.every(Boolean)) url.searchParams.set('symbols', [...new Set(lists.flat())].sort().join());
    if (query) url.searchParams.set('interval_ms', Math.min(...[...users].map((user) => user.interval)));
    return url;
  }

  function dial(which = kind) {
    dialled?.close();
    dueAt = Infinity;
    const line = { kind: which, at: now(), query: address('', true).search };
    dialled = line;
    [dialSocket, dialEvents, dialPolling][which](line);
  }

  function dialSocket(line) {
    const url = address('stream', true);
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = new WebSocket(url);
    line.close = () => {
      socket.onclose = socket.onmessage = null;
      socket.close();
    };
    line.resync = () => socket.send('{"op":"snapshot"}');
    socket.onmessage = ({ data }) => hear(line, data);
    socket.onclose = ({ code }) => lose(line, code);
  }

  function dialEvents(line) {
    const source = new EventSource(address('events', true));
    line.close = () => source.close();
    line.resync = () => dial(1);
    source.onmessage = ({ data }) => hear(line, data);
    source.onerror = () => lose(line);
  }

  function dialPolling(line) {
    let timer = 0;
    line.close = () => {
      line.closed = true;
      clearTimeout(timer);
    };
    const poll = async () => {
      try {
        const answer = await fetch(address('snapshot'), { credentials: 'omit' });
        if (line.closed) return;
        if (answer.ok) hear(line, await answer.text(), 'snapshot');
        else return lose(line, answer.status, 1000 * answer.headers.get('Retry-After'));
      } catch {
        return line.closed || lose(line);
      }
      if (!line.closed) timer = setTimeout(poll, POLL * (0.8 + 0.4 * Math.random()));
    };
    poll();
  }

  function hear(line, text, type) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    type ??= message.type;
    heardAt = now();
    feed.stale = false;
    if (type === 'snapshot') {
      serve(line);
      seq = message.seq;
      askedAt = 0;
      Object.assign(feed, { board: message, ts: message.ts, rows: new Map(message.rows.map((row) => [row.symbol, row])) });
    } else if (type === 'bye') {
      return lose(line, 1012, message.retry_ms);
    } else if (line !== serving || (type !== 'update' && type !== 'heartbeat')) {
      return;
    } else if (message.seq !== seq + 1) {
      return resync(line);
    } else {
      seq = message.seq;
      feed.ts = message.ts;
      for (const row of message.rows ?? []) feed.rows.set(row.symbol, { ...feed.rows.get(row.symbol), ...row });
    }
    tell();
  }

  /** The line has delivered: it takes over from whichever served before. */
  function serve(line) {
    if (line === serving) return;
    serving?.close();
    serving = line;
    if (dialled === line) dialled = null;
    kind = line.kind;
    worked.add(kind);
    failures = 0;
    if (!kind) climbs = 0;
    climbAt = kind ? now() + 15_000 * 2 ** Math.min(climbs++, 4) : Infinity;
    feed.status = 'live';
    feed.transport = KINDS[kind];
  }

  function climb() {
    climbAt = Infinity;
    dial(0);
  }

  /** A number is missing: what is shown may be wrong, so ask for everything, once; then redial. */
  function resync(line) {
    if (!askedAt) {
      askedAt = now();
      line.resync?.();
    } else if (now() - askedAt > 5000) lose(line);
  }

  function lose(line, code, retry = 0) {
    line.close();
    if (line === dialled) dialled = null;
    if (line === serving) {
      serving = null;
      lostAt = now();
    } else if (serving) {
      // An attempt to climb back failed; what serves goes on serving.
      climbAt = now() + 15_000 * 2 ** Math.min(climbs++, 4);
      return;
    }
    if (dialled) return;
    askedAt = 0;
    refused = [1002, 1007, 1008, 1009].includes(code) || (code >= 400 && code < 429 && !filtered);
    if (refused) feed.status = 'refused';
    dueAt = refused ? Infinity : now() + (code === 4029 ? LAST_RETRY : +retry || 0) + nextDelay();
    tell();
  }

  /** Full jitter, doubling; none where the next way in has not been tried yet. */
  function nextDelay() {
    if (!worked.size && kind < 2) return kind++, 0;
    if (!worked.size && filtered) return (filtered = false), (kind = 0);
    if (++failures % 3 === 0) kind = (kind + 1) % 3;
    return Math.random() * Math.min(LAST_RETRY, FIRST_RETRY * 2 ** (failures - 1));
  }

  function stop() {
    serving?.close();
    dialled?.close();
    serving = dialled = null;
    dueAt = Infinity;
    lostAt = now();
  }

  async function fetchHistory(symbol, chart) {
    try {
      const answer = await fetch(`${server}/v1/history/${board}/${symbol}?points=72`, { credentials: 'omit' });
      if (!answer.ok) return;
      chart.points = (await answer.json()).points;
      tell();
    } catch {
      // No chart is better than a wrong one; the next one is asked for in five minutes.
    }
  }

  const link = {
    feed,
    join(user) {
      users.add(user);
      setTimeout(() => {
        // Together with every other user that joins in this turn of the event loop.
        if (!users.size || asleep || refused || dialled || dueAt < Infinity) return;
        if (!serving) dial();
        else if (serving.kind < 2 && serving.query !== address('', true).search) dial(serving.kind);
      });
    },
    leave(user) {
      if (users.delete(user) && !users.size) leftAt = now();
    },
    /** Once a second: everything that depends on time. */
    tick() {
      const time = now();
      if (!users.size) return time - leftAt > LINGER && (stop(), true);
      if (asleep) return;
      if (time >= dueAt) dial();
      if (dialled && time - dialled.at > FIRST_RETRY) lose(dialled);
      if (serving && time - heardAt > SILENCE) lose(serving);
      if (serving && time >= climbAt) climb();
      const down = !serving && !refused && time - lostAt > 2000;
      const stale = time - heardAt > SILENCE;
      if (down === (feed.status === 'down') && stale === feed.stale) return;
      if (down) feed.status = 'down';
      feed.stale = stale;
      tell();
    },
    sleep: stop,
    wake() {
      if (users.size && !serving && !dialled && !refused) dial();
    },
    /** The known last 24 hours of a symbol as [minute end, price text] pairs; newer ones arrive as a change. */
    history(symbol) {
      const chart = charts.get(symbol) ?? { points: [], at: -HISTORY };
      charts.set(symbol, chart);
      if (now() - chart.at > HISTORY) {
        chart.at = now();
        fetching = fetching.then(() => fetchHistory(symbol, chart));
      }
      return chart.points;
    },
  };
  return link;
}

/** The page's own life: one timer, and the events that end and resume every link. */
function watchPage() {
  if (beat) return;
  beat = setInterval(() => {
    if (!asleep && now() - hiddenAt > HIDDEN) sleep();
    for (const [key, link] of links) if (link.tick()) links.delete(key);
    near.forEach((element) => element.tick());
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
  asleep = true;
  links.forEach((link) => link.sleep());
}

function wake() {
  asleep = false;
  links.forEach((link) => link.wake());
}

// ------------------------------------------------------------------------------------------------------- writing

const USUAL = { list: 'price,percent', strip: 'price,percent', card: 'price,percent,change,sparkline' };
const fill = (text, value) => text.replace('{}', () => value);

/** Wire text for readers: ("57895000", 0) -> "57,895,000", ("529", 1) -> "529.0". */
function group(text, digits) {
  const [whole, fraction = ''] = text.split('.');
  const rest = fraction.padEnd(digits, '0');
  return whole.replace(/\B(?=(\d{3})+$)/g, ',') + (rest && `.${rest}`);
}

/** Wire percent for readers: ("5.8", 2) -> "+5.80%", ("5.8", "trim") -> "+5.8%". */
function sign(text, digits = 2) {
  const value = Math.abs(text);
  const shown = digits === 'trim' ? `${value}` : (Math.round(value * 10 ** digits) / 10 ** digits).toFixed(digits);
  return `${text > 0 ? '+' : text < 0 ? '-' : ''}${shown}%`;
}

function difference(price, ref, digits) {
  const [places] = [price, ref].map((text) => (text.split('.')[1] ?? '').length).sort().reverse();
  const change = (price - ref).toFixed(places);
  const text = places ? change.replace(/\.?0+$/, '') : change;
  return (change > 0 ? '+' : change < 0 ? '-' : '') + group(text.replace('-', ''), digits);
}

const clocks = new Map();

/** ["2026-11-23", "10:42:07"] on the clock of a time zone. */
function clock(ts, timeZone) {
  if (!clocks.has(timeZone)) {
    clocks.set(timeZone, new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }));
  }
  return clocks.get(timeZone).format(ts).split(' ');
}

function zoneName(ts, timeZone) {
  if (timeZone === 'Asia/Seoul') return 'KST';
  const parts = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'shortOffset' }).formatToParts(ts);
  return parts.find(({ type }) => type === 'timeZoneName').value.replace(/^GMT$/, 'UTC');
}

/** What every cell of one painting needs to know: see `Shown` in ticker/markup.py, which writes the same texts. */
function makeView(feed, element) {
  const { board, stale } = feed;
  const { lang, form, columns, link, symbols, limit } = element.options;
  const rows = [...feed.rows.values()].filter((row) => !symbols || symbols.includes(row.symbol)).slice(0, limit);
  const used = new Set(rows.map((row) => row.source));
  const sources = Object.keys(board.sources ?? {});
  const main = sources.find((source) => used.has(source)) ?? sources[0];
  const words = WORDS[lang];
  const zone = board.timezone ?? (board.quote === 'KRW' ? 'Asia/Seoul' : 'UTC');
  return {
    board, stale, lang, form, columns, link, rows, words, zone, main, sources, used,
    unit: words.currencies[board.quote] ?? board.quote,
    newest: Math.max(...rows.map((row) => row.ts ?? 0)),
    sourceName: (source) => board.sources?.[source] ?? source,
  };
}

const CELLS = {
  price({ form, unit, board }, { price, decimals }) {
    if (price == null) return NOTHING;
    return group(price, decimals) + (form !== 'card' ? '' : unit === board.quote ? ` ${unit}` : unit);
  },
  percent: ({ board }, { change_pct: percent }) => (percent == null ? NOTHING : sign(percent, board.percent_digits)),
  change: (_, { price, ref, decimals }) => (price == null || ref == null ? NOTHING : difference(price, ref, decimals)),
  source: ({ sourceName }, { source }) => (source ? sourceName(source) : NOTHING),
  time({ zone, newest }, { ts }) {
    if (ts == null) return NOTHING;
    const [date, time] = clock(ts, zone);
    return date === clock(newest, zone)[0] ? time : `${date.slice(5).replace('-', '.')} ${time}`;
  },
  premium: (_, { premium_pct: percent }) => (percent == null ? NOTHING : sign(percent)),
};

/** A row's state as it is shown: nothing is live once the link itself has been silent for too long. */
const stateOf = (view, row) => (view.stale && row.state === 'live' ? 'stale' : row.state);

function stateWord({ words }, state, reason) {
  return words.states[state === 'closed' ? (reason === 'delisted' ? reason : 'suspended') : state] ?? '';
}

function footnote({ board, words, lang, zone, main, sources, used, newest, sourceName }) {
  const others = sources.filter((source) => source !== main && used.has(source)).map(sourceName).join('\u00b7');
  const prices = main ? fill(words.source, sourceName(main)) : '';
  const parts = board.footnote ? [board.footnote] : [words.basis, prices + (others && fill(words.others, others))];
  if (newest) {
    const [date, time] = clock(newest, zone);
    const zoned = lang === 'ko' && zone === 'Asia/Seoul' ? '' : ` ${zoneName(newest, zone)}`;
    parts.push(fill(words.as_of, `${lang === 'ko' ? date.replace(/-/g, '.') : date} ${time}${zoned}`));
  }
  return parts.filter(Boolean).join(' \u00b7 ');
}

function notice({ board, words }) {
  return [board.simulated && words.simulated, board.frozen && words.frozen, board.notice].filter(Boolean).join(' ');
}

/** A new element with our class, and the same name as its part for the publisher's own style. */
function make(tag, name, text = '') {
  const node = document.createElement(tag);
  if (name) {
    node.className = `ct-${name}`;
    node.setAttribute('part', name);
  }
  node.textContent = text;
  return node;
}

/** Write text where it differs; true when it did. */
function put(node, text) {
  if (!node || node.textContent === text) return false;
  node.textContent = text;
  return true;
}

/** A line through [time, price] points in a box of 100 by 30, and the level it started from. */
function draw(svg, points) {
  const prices = points.map(([, price]) => +price);
  const low = Math.min(...prices);
  const span = Math.max(...prices) - low || 1;
  const y = (price) => (28 - (26 * (price - low)) / span).toFixed(1);
  const step = 100 / (prices.length - 1 || 1);
  const line = prices.map((price, i) => `${i ? 'L' : 'M'}${(i * step).toFixed(1)} ${y(price)}`).join('');
  svg.firstChild.setAttribute('d', `M0 ${y(prices[0])}H100`);
  svg.lastChild.setAttribute('d', line);
}

function makeChart() {
  const tag = (name) => document.createElementNS('http://www.w3.org/2000/svg', name);
  const svg = tag('svg');
  svg.setAttribute('viewBox', '0 0 100 30');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(tag('path'), tag('path'));
  return svg;
}

// ------------------------------------------------------------------------------------------------------- element

const near = new Set(); // elements within 300 px of the viewport
const quiet = globalThis.matchMedia?.('(prefers-reduced-motion: reduce)');
let observer;
let sheet;

/** One sheet for all elements; a link where sheets cannot be adopted. */
function dress(root) {
  if (!('replaceSync' in CSSStyleSheet.prototype)) {
    const link = make('link');
    link.rel = 'stylesheet';
    link.href = `${HOME}/widget.css`;
    return (root.head ?? root).prepend(link);
  }
  if (!sheet) (sheet = new CSSStyleSheet()).replaceSync(STYLE);
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
}

function pick(value, allowed, usual) {
  return allowed.includes(value) ? value : usual;
}

export class CryptoTicker extends (globalThis.HTMLElement ?? Object) {
  static observedAttributes = 'server board symbols form lang theme colors columns limit link credit interval'.split(' ');

  options = {};
  #root = null; // the div that holds everything, in the light or in the shadow tree
  #rows = new Map(); // symbol -> {node, name, cells, source}
  #client = null;
  #queued = false;
  #paused = false;
  #ready = false;
  #stale = false;
  #paintedAt = -Infinity;
  #bornAt = 0;
  #turn = 0;

  connectedCallback() {
    this.#bornAt = now();
    this.#read();
    if (!this.#root) this.#adopt();
    observer ??= new IntersectionObserver((seen) => seen.forEach(({ target, isIntersecting }) => target.seen(isIntersecting)), {
      rootMargin: '300px',
    });
    observer.observe(this);
  }

  disconnectedCallback() {
    observer.unobserve(this);
    this.seen(false);
  }

  attributeChangedCallback(name, before, after) {
    if (!this.#root || before === after) return;
    this.#read();
    this.#build();
    if (this.#client) this.seen(false), this.seen(true);
  }

  /** Near the viewport, or not any more. */
  seen(isNear) {
    if (!isNear) {
      near.delete(this);
      this.#client?.close();
      this.#client = null;
    } else if (!this.#client) {
      near.add(this);
      this.#client = connect(this.options, () => this.#queue());
      this.#queue();
    }
  }

  /** Once a second: an element that got no data shows that it waits; a strip turns to its next coins. */
  tick() {
    if (now() - this.#bornAt > 3000) this.#root.classList.remove('ct-wait');
    const strip = this.#root.querySelector('ul');
    if (!strip || this.#paused || quiet.matches || strip.matches(':hover,:focus-within') || ++this.#turn % 5) return;
    const end = strip.scrollLeft + strip.clientWidth >= strip.scrollWidth - 4;
    strip.scrollTo({ left: end ? 0 : strip.scrollLeft + strip.clientWidth * 0.8, behavior: 'smooth' });
  }

  #read() {
    const value = (name) => this.getAttribute(name) ?? undefined;
    const list = (text) => text?.split(',').map((item) => item.trim()).filter(Boolean);
    const form = pick(value('form'), Object.keys(USUAL), 'list');
    const lang = pick((this.closest('[lang]')?.lang || 'ko').slice(0, 2), ['ko', 'en'], 'en');
    const columns = list(value('columns'))?.filter((column) => column in CELLS || column === 'sparkline');
    this.options = {
      form,
      lang,
      server: value('server')?.replace(/\/$/, ''),
      board: value('board'),
      symbols: list(value('symbols')),
      columns: columns?.length ? columns : USUAL[form].split(','),
      limit: form === 'card' ? 1 : +value('limit') || undefined,
      link: value('link'),
      credit: value('credit') !== 'off',
      theme: pick(value('theme'), ['light', 'dark', 'auto'], 'inherit'),
      colors: pick(value('colors'), ['ko', 'en', 'safe'], lang),
      interval: +value('interval') || (navigator.connection?.saveData ? 5000 : 1000),
    };
  }

  /** Keep the server's markup where it is, or make our own in a shadow tree. */
  #adopt() {
    this.#root = this.querySelector('.ct');
    if (!this.#root) {
      const shadow = this.shadowRoot ?? this.attachShadow({ mode: 'open' });
      dress(shadow);
      this.#root = make('div');
      this.#root.className = 'ct ct-wait';
      shadow.append(this.#root);
      this.#build();
    } else {
      if (!getComputedStyle(this.#root).getPropertyValue('--ct')) dress(this.getRootNode());
      for (const node of this.#root.querySelectorAll('[data-symbol]')) this.#rows.set(node.dataset.symbol, this.#parts(node));
      this.#addBar();
    }
    this.#root.addEventListener('click', (event) => this.#click(event));
    if (document.body.classList.contains('ct-page')) this.#tellHeight();
  }

  /** The form's own kind of markup, with waiting rows that reserve the height. */
  #build() {
    const { form, columns, lang, theme, colors, limit, symbols, credit } = this.options;
    const words = WORDS[lang];
    Object.assign(this.#root.dataset, { form, theme, colors, nosnippet: '' });
    this.#rows.clear();
    const body = make({ list: 'tbody', strip: 'ul' }[form] ?? 'div', 'rows');
    const title = make('b', 'title', '\u00a0');
    const notes = ['footnote', 'disclaimer'].map((name) => make('p', name, words[name] ?? '\u00a0'));
    if (credit) notes[1].append(' ', make('span', 'credit', 'ticker'));
    if (form === 'list') {
      const table = make('table', 'table');
      const head = make('tr');
      for (const [i, text] of [words.name, ...columns.map((column) => words.headers[column])].entries()) {
        head.append(make('th', i ? `head-${columns[i - 1]}` : 'head', text));
        head.lastChild.scope = 'col';
      }
      table.createCaption().append(title);
      table.createTHead().append(head);
      table.append(body);
      this.#root.replaceChildren(table, ...notes);
    } else {
      this.#root.replaceChildren(title, body, ...notes);
      if (form === 'strip') Object.assign(body, { role: 'list', tabIndex: 0 });
    }
    for (let i = limit ?? symbols?.length ?? 20; i--; ) body.append(this.#makeRow().node);
    this.#addBar();
    this.#ready = false;
    this.#paintedAt = -Infinity;
  }

  #makeRow(symbol) {
    const { form, columns } = this.options;
    const cell = form === 'list' ? 'td' : 'span';
    const node = make({ list: 'tr', strip: 'li' }[form] ?? 'div');
    node.setAttribute('part', 'row');
    node.append(make(form === 'list' ? 'th' : cell, 'name', '\u00a0'), ...columns.map((column) => make(cell, column)));
    if (form === 'list') node.firstChild.scope = 'row';
    if (symbol) node.dataset.symbol = symbol;
    return this.#parts(node);
  }

  #parts(node) {
    const cells = this.options.columns.map((column) => [column, node.querySelector(`.ct-${column}`)]);
    return { node, name: node.firstElementChild, cells };
  }

  #addBar() {
    const words = WORDS[this.options.lang];
    const bar = make('div', 'bar');
    const banner = make('span', 'banner');
    const said = make('span', 'said');
    const button = (name, text, action) => {
      const node = make('button', name, text);
      node.type = 'button';
      node.onclick = action;
      return node;
    };
    banner.setAttribute('role', 'status');
    said.setAttribute('role', 'status');
    const pause = button('pause', words.pause, () => {
      this.#paused = !this.#paused;
      pause.textContent = this.#paused ? words.resume : words.pause;
      this.#queue();
    });
    const read = button('read', words.read, () => {
      said.textContent = [...this.#rows.values()].map(({ node }) => [...node.children].map((c) => c.textContent).join(' ')).join(', ');
    });
    pause.textContent = this.#paused ? words.resume : words.pause;
    bar.append(banner, read, pause, said);
    this.#root.prepend(bar);
  }

  /** Paint in the next animation frame, and no sooner than the interval allows. */
  #queue() {
    if (this.#queued || this.#paused) return;
    this.#queued = true;
    const paint = () => {
      this.#queued = false;
      if (this.#client && !this.#paused) this.#paint(this.#client.feed);
    };
    setTimeout(() => requestAnimationFrame(paint), this.#paintedAt + this.options.interval - now());
  }

  #paint(feed) {
    const root = this.#root;
    const words = WORDS[this.options.lang];
    put(root.querySelector('.ct-banner'), words.status[feed.status] ?? '');
    if (feed.stale && !this.#stale) this.#emit('stale', { board: feed.board?.board });
    this.#stale = feed.stale;
    if (!feed.board) return;
    this.#paintedAt = now();
    const view = makeView(feed, this);
    put(root.querySelector('.ct-title'), view.board.title);
    this.#paintNotice(notice(view));
    this.#paintHead(view);
    this.#paintRows(view);
    put(root.querySelector('.ct-footnote'), footnote(view));
    put(root.querySelector('.ct-disclaimer').firstChild, view.board.disclaimer ?? words.disclaimer);
    root.classList.remove('ct-wait');
    if (this.#ready) return;
    this.#ready = true;
    this.#emit('ready', { board: view.board.board });
  }

  #paintNotice(text) {
    const shown = this.#root.querySelector('.ct-notice');
    if (!text) shown?.remove();
    else if (!shown) this.#root.querySelector('.ct-title').after(make('p', 'notice', text));
    else put(shown, text);
  }

  #paintHead({ words, unit, columns, form, board }) {
    const heads = this.#root.querySelectorAll('thead th');
    columns.forEach((column, i) => put(heads[i + 1], fill(words.headers[column], unit)));
    if (form === 'strip') this.#root.querySelector('ul').ariaLabel = board.title;
  }

  #paintRows(view) {
    const body = this.#root.querySelector('tbody,.ct-rows');
    view.rows.forEach((row, i) => {
      let shown = this.#rows.get(row.symbol);
      if (!shown) this.#rows.set(row.symbol, (shown = this.#makeRow(row.symbol)));
      this.#paintRow(view, row, shown);
      if (body.children[i] !== shown.node) body.insertBefore(shown.node, body.children[i] ?? null);
    });
    while (body.children.length > view.rows.length) {
      this.#rows.delete(body.lastChild.dataset.symbol);
      body.lastChild.remove();
    }
  }

  #paintRow(view, row, shown) {
    const { node, cells } = shown;
    const state = stateOf(view, row);
    const direction = row.change_pct > 0 ? 'ct-up' : row.change_pct < 0 ? 'ct-down' : '';
    if (node.className !== direction) node.className = direction;
    if (state === 'live') delete node.dataset.state;
    else node.dataset.state = state;
    this.#paintName(view, row, shown.name, stateWord(view, state, row.reason));
    for (const [column, cell] of cells) {
      if (column === 'sparkline') this.#paintChart(row, cell);
      // A price of another exchange is no move of the price.
      else if (put(cell, CELLS[column](view, row)) && column === 'price' && shown.source === row.source) flash(cell);
    }
    shown.source = row.source;
  }

  #paintName({ link, main, sourceName, board }, { symbol, name, source }, cell, state) {
    const mark = source && source !== main ? sourceName(source) : '';
    if (cell.textContent === [name, mark, state].filter(Boolean).join(' ')) return;
    const label = make(link ? 'a' : 'span', '', name);
    if (link) this.#aim(label, link.replace('{symbol}', encodeURIComponent(symbol)));
    cell.replaceChildren(label);
    if (mark) cell.append(' ', make('small', 'mark', mark));
    if (state) cell.append(' ', make('small', 'state', state));
  }

  #aim(anchor, address) {
    const url = new URL(address, document.baseURI);
    if (!/^https?:$/.test(url.protocol)) return;
    anchor.href = url;
    if (document.body.classList.contains('ct-page')) Object.assign(anchor, { target: '_blank', rel: 'noopener' });
  }

  #paintChart({ symbol, price, ts }, cell) {
    const points = this.#client.history(symbol);
    if (!points.length || price == null) return;
    if (!cell.firstChild) cell.append(makeChart());
    draw(cell.firstChild, [...points.filter(([time]) => time > ts - DAY && time < ts), [ts, price]]);
  }

  #click(event) {
    const symbol = event.target.closest('[data-symbol]')?.dataset.symbol;
    if (symbol && !this.#emit('click', { symbol })) event.preventDefault();
  }

  #emit(name, detail) {
    return this.dispatchEvent(new CustomEvent(`ticker-${name}`, { detail, bubbles: true, composed: true, cancelable: true }));
  }

  /** In a page of its own inside a frame: the height goes to the page around it, which needs no secret to know it. */
  #tellHeight() {
    if (parent === window) return;
    const tell = () => parent.postMessage({ type: 'ticker-height', height: Math.ceil(document.body.getBoundingClientRect().height) }, '*');
    new ResizeObserver(tell).observe(document.body);
  }
}

function flash(cell) {
  if (!quiet.matches) cell.animate({ opacity: [0.35, 1] }, 500);
}

/** On the publisher's page: our frames get the height they ask for, and nobody else's do. */
function fitFrames({ data, source, origin }) {
  if (data?.type !== 'ticker-height') return;
  for (const frame of document.querySelectorAll('iframe')) {
    const sandboxed = frame.sandbox.length && !frame.sandbox.contains('allow-same-origin');
    if (frame.contentWindow !== source || !frame.src.startsWith(`${HOME}/embed/`)) continue;
    if (origin === (sandboxed ? 'null' : new URL(HOME).origin)) frame.height = Math.min(Math.max(+data.height || 0, 40), 4000);
  }
}

if (globalThis.customElements && !customElements.get('crypto-ticker')) {
  addEventListener('message', fitFrames);
  customElements.define('crypto-ticker', CryptoTicker);
}
