// How the files of this page were delivered, from the browser's own resource timing.

interface Delivery {
  name: string;
  protocol: string;
  sentBytes: number;
  wholeBytes: number;
  cached: boolean;
}

export function Deliveries() {
  const deliveries = fileDeliveries();
  return (
    <section class="panel" aria-labelledby="files-title">
      <h2 id="files-title">The files of this page</h2>
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="files-title">
        <table class="files">
          <thead>
            <tr>
              <th scope="col">File</th>
              <th scope="col">Protocol</th>
              <th scope="col" class="number">On the wire</th>
              <th scope="col" class="number">Unpacked</th>
              <th scope="col" class="number">Saved</th>
            </tr>
          </thead>
          <tbody>
            {deliveries.map(({ name, protocol, sentBytes, wholeBytes, cached }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{cached ? 'from the cache' : protocol}</td>
                <td class="number">{kilobytes(sentBytes)}</td>
                <td class="number">{kilobytes(wholeBytes)}</td>
                <td class="number">{saved(sentBytes, wholeBytes)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function fileDeliveries(): Delivery[] {
  const page = performance.getEntriesByType('navigation') as PerformanceResourceTiming[];
  const files = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
  const seen = new Map<string, Delivery>();
  for (const entry of [...page, ...files]) {
    const { pathname } = new URL(entry.name);
    // What a script has fetched is no file of the page.
    if (entry.initiatorType === 'fetch' || seen.has(pathname)) continue;
    seen.set(pathname, {
      name: pathname,
      protocol: entry.nextHopProtocol || '–',
      sentBytes: entry.encodedBodySize,
      wholeBytes: entry.decodedBodySize,
      cached: entry.transferSize === 0,
    });
  }
  return [...seen.values()];
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`;
}

function saved(sentBytes: number, wholeBytes: number): string {
  return wholeBytes > sentBytes ? `${Math.round((1 - sentBytes / wholeBytes) * 100)} %` : '–';
}
