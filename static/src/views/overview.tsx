// The live numbers, as they come over the WebSocket.
import { useState } from 'preact/hooks';
import type { Sample } from '../live/series';
import type { LiveView } from '../live/socket';
import { useLive } from '../live/use-live';
import { Chart } from '../ui/chart';
import { Countdown } from '../ui/countdown';
import { Notice } from '../ui/notice';
import './overview.css';

const loadOf = (sample: Sample) => sample.load;
const rateOf = (sample: Sample) => sample.requestsPerSecond;
const percent = (value: number) => `${Math.round(value * 100)} %`;
const perSecond = (value: number) => `${value < 10 ? value.toFixed(1) : Math.round(value)} /s`;
const grouped = new Intl.NumberFormat('en', { useGrouping: true });

export function Overview() {
  const { live, view } = useLive();
  return (
    <>
      <h1 tabIndex={-1} data-testid="route-title">Overview</h1>
      <p class="lead">What passes under the beam right now, told over one WebSocket.</p>
      {view.retryAt !== null && (
        <Notice tone="wait" title="The live line is down" action={{ label: 'Connect now', onClick: () => live.connect() }}>
          Connecting again
          <Countdown until={view.retryAt} />.
        </Notice>
      )}
      <Figures view={view} />
      <div class="charts">
        <div class="panel">
          <Chart title="Load" series={live.series} read={loadOf} format={percent} top={1} />
        </div>
        <div class="panel">
          <Chart title="Requests" series={live.series} read={rateOf} format={perSecond} top={5} />
        </div>
      </div>
      <Say view={view} say={(text) => live.say(text)} />
    </>
  );
}

function Figures({ view }: { view: LiveView }) {
  const { tick, roundTripMs, messages } = view;
  return (
    <dl class="figures">
      <div class="figure">
        <dt>Requests served</dt>
        <dd>{tick ? grouped.format(tick.requests) : '–'}</dd>
      </div>
      <div class="figure">
        <dt>Open sockets</dt>
        <dd>{tick ? grouped.format(tick.sockets) : '–'}</dd>
      </div>
      <div class="figure">
        <dt>Round trip</dt>
        <dd>
          <span data-testid="ws-rtt">{roundTripMs === null ? '–' : roundTripMs.toFixed(1)}</span>
          {roundTripMs !== null && <span class="unit"> ms</span>}
        </dd>
      </div>
      <div class="figure">
        <dt>Messages</dt>
        <dd data-testid="ws-count">{messages}</dd>
      </div>
    </dl>
  );
}

function Say({ view, say }: { view: LiveView; say: (text: string) => boolean }) {
  const [text, setText] = useState('');
  const send = (event: Event) => {
    event.preventDefault();
    if (text.trim() && say(text.trim())) setText('');
  };
  return (
    <section class="panel say" aria-labelledby="say-title">
      <div>
        <h2 id="say-title">Call through the door</h2>
        <p class="quiet">
          Everybody who has this page open hears it. {view.id !== null && <>You are visitor {view.id}.</>}
        </p>
        <form class="entry" onSubmit={send}>
          <label class="unseen" for="say-text">What to say</label>
          <input id="say-text" class="input" value={text} maxLength={120} autocomplete="off" placeholder="Hello?"
            onInput={(event) => setText(event.currentTarget.value)} />
          <button class="button" disabled={view.state !== 'open'}>Say</button>
        </form>
      </div>
      <ol class="said" aria-label="What was said" aria-live="polite">
        {view.said.length === 0 && <li class="quiet">Nobody has said anything yet.</li>}
        {view.said.map(({ key, from, text: words }) => (
          <li key={key}>
            <span class="said-from">{from === view.id ? 'You' : `Visitor ${from}`}</span> {words}
          </li>
        ))}
      </ol>
    </section>
  );
}
