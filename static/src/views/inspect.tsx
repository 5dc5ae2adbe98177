// What the edge makes of a request and of its answer: the request as the API saw it, the answer as the browser
// got it, and how the files of this page came. Loaded only when it is asked for.
import { useEffect, useState } from 'preact/hooks';
import { exchangeEcho, type Exchange, type Header } from '../api/echo';
import { pageHeaders } from '../api/page';
import { usePatience } from '../api/patience';
import { Notice, WaitNotice } from '../ui/notice';
import { Deliveries } from './deliveries';
import './inspect.css';

/** Headers that the edge writes itself, whatever the client has sent. */
const FORWARDING = /^(x-forwarded-.+|forwarded|x-real-ip|x-request-id|via|traceparent)$/i;

export function Inspect() {
  const { wait, run } = usePatience();
  const [exchange, setExchange] = useState<Exchange | null>(null);
  const [wrong, setWrong] = useState<string | null>(null);
  const ask = (method: 'GET' | 'POST') => {
    setWrong(null);
    run((signal) => exchangeEcho(method, signal)).then(setExchange, (error) => setWrong(String(error?.message ?? error)));
  };
  useEffect(() => ask('GET'), []);
  return (
    <div data-testid="lazy-loaded">
      <p class="lead">One request, seen from both sides of the door.</p>
      {wait && <WaitNotice wait={wait} />}
      {wrong && <Notice tone="wrong" title={wrong} action={{ label: 'Ask again', onClick: () => ask('GET') }} />}
      <Way exchange={exchange} />
      <div class="asks">
        <button type="button" class="button" onClick={() => ask('GET')}>Send a GET</button>
        <button type="button" class="button" onClick={() => ask('POST')}>Send a POST</button>
      </div>
      {exchange && <Sides exchange={exchange} />}
      <Deliveries />
    </div>
  );
}

/** Browser, edge, API, with what is spoken between them. */
function Way({ exchange }: { exchange: Exchange | null }) {
  const [entry] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
  const protocol = entry?.nextHopProtocol || 'unknown';
  const lock = location.protocol === 'https:' ? 'over TLS' : 'in the clear';
  return (
    <ol class="way" aria-label="The way of the request">
      <li class="way-stop">
        <span class="way-name">This browser</span>
        <span class="quiet">{location.host}</span>
      </li>
      <li class="way-hop">
        <span data-testid="protocol">{PROTOCOLS[protocol] ?? protocol}</span>
        <span class="quiet">{lock}</span>
      </li>
      <li class="way-stop way-edge">
        <span class="way-name">Transom</span>
        <span class="quiet">{exchange ? `${exchange.elapsedMs.toFixed(1)} ms there and back` : 'the edge'}</span>
      </li>
      <li class="way-hop">
        <span>{exchange ? `${exchange.seen.method} ${exchange.status}` : '…'}</span>
        <span class="quiet">request and answer</span>
      </li>
      <li class="way-stop">
        <span class="way-name">API</span>
        <span class="quiet">{exchange ? exchange.seen.path : '/api/echo'}</span>
      </li>
    </ol>
  );
}

const PROTOCOLS: Record<string, string> = { h3: 'HTTP/3', h2: 'HTTP/2', 'http/1.1': 'HTTP/1.1', 'http/1.0': 'HTTP/1.0' };

function Sides({ exchange: { seen, answered, status } }: { exchange: Exchange }) {
  const target = seen.query ? `${seen.path}?${seen.query.replace(/^\?/, '')}` : seen.path;
  // What the edge has written comes first: it is what one looks for here.
  const headers = [...seen.headers.filter(isForwarding), ...seen.headers.filter((header) => !isForwarding(header))];
  return (
    <div class="sides">
      <section class="panel" aria-labelledby="seen-title">
        <h2 id="seen-title">As the API saw it</h2>
        <p class="quiet">
          <code>{seen.method} {target}</code>
        </p>
        <Headers headers={headers} testId="seen-headers" />
        {seen.body && <pre class="body" aria-label="Body">{seen.body}</pre>}
        {headers.some(isForwarding) && <p class="quiet mark-key">Marked headers are written by the edge.</p>}
      </section>
      <div class="side">
        <section class="panel" aria-labelledby="answered-title">
          <h2 id="answered-title">As the browser got it</h2>
          <p class="quiet">
            <code>{status}</code>
          </p>
          <Headers headers={answered} testId="answered-headers" />
        </section>
        <PagePanel />
      </div>
    </div>
  );
}

/** The headers that the page itself comes with. */
function PagePanel() {
  const [headers, setHeaders] = useState<Header[]>([]);
  useEffect(() => {
    const life = new AbortController();
    // Only an extra: without an answer the panel is left out.
    pageHeaders(life.signal).then(setHeaders, () => undefined);
    return () => life.abort();
  }, []);
  if (headers.length === 0) return null;
  return (
    <section class="panel" aria-labelledby="page-title">
      <h2 id="page-title">The page itself</h2>
      <p class="quiet">
        <code>HEAD {location.pathname}</code>
      </p>
      <Headers headers={headers} testId="page-headers" />
    </section>
  );
}

function isForwarding([name]: Header): boolean {
  return FORWARDING.test(name);
}

function Headers({ headers, testId }: { headers: readonly Header[]; testId: string }) {
  return (
    <dl class="headers" data-testid={testId}>
      {headers.map((header, i) => (
        <div key={i} class="header-row" data-edge={isForwarding(header)}>
          <dt>{header[0]}</dt>
          <dd>{header[1]}</dd>
        </div>
      ))}
    </dl>
  );
}
