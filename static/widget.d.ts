/** Types of widget.js: the `<crypto-ticker>` element, and `connect()` for those who draw the rows themselves. */

export type State = 'live' | 'stale' | 'held' | 'closed' | 'pending';

/** What a reader sees of one symbol; prices and percents are decimal text, times are ms since the epoch. */
export interface Row {
  symbol: string;
  name: string;
  price: string | null;
  decimals: number;
  change_pct: string | null;
  ref: string | null;
  ref_ts: number | null;
  basis: 'history' | 'exchange' | null;
  source: string | null;
  ts: number | null;
  received_ts: number | null;
  state: State;
  reason: 'suspended' | 'delisted' | null;
  premium_pct?: string | null;
}

/** The latest snapshot of the board; its `rows` are those of its own time, `Feed.rows` are the current ones. */
export interface Board {
  board: string;
  quote: string;
  title: string;
  notice: string | null;
  frozen: boolean;
  sources: Record<string, string>;
  seq: number;
  ts: number;
  rows: Row[];
  percent_digits: 0 | 1 | 2 | 'trim';
  timezone: string;
  utc_offset_s: number;
  /** The currency as readers call it. */
  unit: string;
  /** What readers must know before the prices, the editor's notice included. */
  notices: string[];
  /** In these three, `{}` is the place of the main source, of the other sources, and of the newest price's time. */
  footnote: string;
  others: string;
  as_of: string;
  disclaimer: string;
}

/** The state of one connection; to be read, not written. */
export interface Feed {
  /** `down`: not connected, and trying again; `refused`: the server said no for good. */
  status: 'connecting' | 'live' | 'down' | 'refused';
  /** The route the rows come from: the websocket, server-sent events, or polling. */
  way?: 'stream' | 'events' | 'snapshot';
  /** No message for 30 s: every price is old, whatever its own state says. */
  stale: boolean;
  /** By symbol, in the board's order. */
  rows: Map<string, Row>;
  board?: Board;
  ts?: number;
}

export interface ConnectOptions {
  /** Base address with path prefix and without a final slash; by default where widget.js came from. */
  server?: string | null;
  /** By default the server's first board. */
  board?: string | null;
  lang?: 'ko' | 'en';
  /** By default the whole board. */
  symbols?: string[] | null;
  /** Milliseconds between two updates, 200 to 30000; 1000 by default. */
  interval?: number;
}

export interface Connection {
  readonly feed: Feed;
  /** The last 24 hours known of a symbol, `[minute end, price]`; newer ones are fetched and told like a change. */
  history(symbol: string): [number, string][];
  close(): void;
}

/** Follow a board. Everything with the same server, board and language shares one connection of the page. */
export function connect(options: ConnectOptions, listener?: (feed: Feed) => void): Connection;

/** Attributes: server board symbols form lang theme colors columns limit link credit interval. */
export class CryptoTicker extends HTMLElement {}

declare global {
  interface HTMLElementTagNameMap {
    'crypto-ticker': CryptoTicker;
  }
  interface HTMLElementEventMap {
    'ticker-ready': CustomEvent<{ board: string }>;
    'ticker-stale': CustomEvent<{ board: string | null }>;
    'ticker-click': CustomEvent<{ symbol: string }>;
  }
}
