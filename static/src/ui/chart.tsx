// A line that moves: the last minute of one number. Drawn by hand as SVG, once per frame, outside of Preact,
// because only two path strings change. Where the numbers come from is ../live/series.ts.
import { useEffect, useRef } from 'preact/hooks';
import { GAP_MS, WINDOW_MS, type Sample, type Series } from '../live/series';
import { curve, type Point } from './curve';
import './chart.css';

interface Props {
  title: string;
  series: Series;
  read: (sample: Sample) => number | null;
  format: (value: number) => string;
  /** The least upper end of the axis; it grows when the numbers do. */
  top: number;
}

/** Drawn this far in the past, so that the next tick is there before the line reaches it. */
const LAG_MS = 650;
/** The line moves some ten pixels a second: more frames than this show nothing new. */
const FRAME_MS = 30;
/** For those who asked for less motion the line moves in steps. */
const CALM_FRAME_MS = 1_000;

export function Chart(props: Props) {
  const svg = useRef<SVGSVGElement>(null);
  const now = useRef<HTMLOutputElement>(null);
  const top = useRef<HTMLSpanElement>(null);
  const latest = useRef(props);
  latest.current = props;
  useEffect(() => {
    const { current: surface } = svg;
    const [grid, area, line, head, cross] = surface ? [...surface.children] : [];
    if (!surface || !grid || !area || !line || !head || !cross) return;
    const parts = { surface, grid, area, line, head, cross };
    const painter = new Painter(parts);
    const hover = (event: PointerEvent) => {
      painter.hoverX = event.type === 'pointermove' ? event.offsetX : null;
    };
    for (const type of ['pointermove', 'pointerleave'] as const) surface.addEventListener(type, hover);
    const calm = matchMedia('(prefers-reduced-motion: reduce)');
    let paintedAt = -Infinity;
    let frame = requestAnimationFrame(function paint(time) {
      frame = requestAnimationFrame(paint);
      if (time - paintedAt < (calm.matches ? CALM_FRAME_MS : FRAME_MS)) return;
      paintedAt = time;
      const { value, axisTop } = painter.paint(latest.current);
      const { format } = latest.current;
      setText(now.current, value === null ? '–' : format(value));
      setText(top.current, format(axisTop));
    });
    return () => cancelAnimationFrame(frame);
  }, []);
  return (
    <figure class="chart">
      <figcaption class="chart-caption">
        <span class="chart-title">{props.title}</span>
        <output class="chart-now" ref={now} aria-live="off">–</output>
      </figcaption>
      <div class="chart-field">
        <span class="chart-top" ref={top} aria-hidden="true" />
        <svg ref={svg} role="img" aria-label={`${props.title} over the last minute`}>
          <path class="chart-grid" />
          <path class="chart-area" />
          <path class="chart-line" />
          <circle class="chart-head" r="3.5" />
          <path class="chart-cross" />
        </svg>
      </div>
      <div class="chart-times" aria-hidden="true">
        <span>1 min ago</span>
        <span>30 s</span>
        <span>now</span>
      </div>
    </figure>
  );
}

interface Parts {
  surface: SVGSVGElement;
  grid: Element;
  area: Element;
  line: Element;
  head: Element;
  cross: Element;
}

class Painter {
  /** Where the pointer is, in pixels from the left edge; null when it is elsewhere. */
  hoverX: number | null = null;
  #parts: Parts;
  #top = 0;
  #size = '';

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Draws one frame; returns the number to show beside the title, and the upper end of the axis. */
  paint({ series, read, top }: Props): { value: number | null; axisTop: number } {
    const { clientWidth: width, clientHeight: height } = this.#parts.surface;
    const time = performance.now() - LAG_MS;
    const wanted = Math.max(top, niceTop(Math.max(0, ...series.samples.map((sample) => read(sample) ?? 0))));
    this.#top = this.#top === 0 ? wanted : this.#top + (wanted - this.#top) * 0.12;
    const right = width - 6;
    const place = (at: number, value: number): Point => ({
      x: right - ((time - at) / WINDOW_MS) * right,
      y: 6 + (height - 7) * (1 - value / this.#top),
    });
    this.#frameGrid(width, height);
    const runs = unbroken(series.samples, time, read).map((run) => run.map(({ at, value }) => place(at, value)));
    const lines = runs.map(curve);
    this.#parts.line.setAttribute('d', lines.join(''));
    this.#parts.area.setAttribute('d', lines.map((line, i) => line + floor(runs[i] ?? [], height)).join(''));
    const end = runs.at(-1)?.at(-1);
    this.#parts.head.setAttribute('visibility', end ? 'visible' : 'hidden');
    if (end) {
      this.#parts.head.setAttribute('cx', String(end.x));
      this.#parts.head.setAttribute('cy', String(end.y));
    }
    const pointed = this.#pointed(series, time, right);
    this.#parts.cross.setAttribute('d', pointed ? `M${place(pointed.at, 0).x} 0V${height}` : '');
    const shown = pointed ?? series.samples.at(-1);
    return { value: shown ? read(shown) : null, axisTop: wanted };
  }

  #frameGrid(width: number, height: number): void {
    const size = `0 0 ${width} ${height}`;
    if (size === this.#size) return;
    this.#size = size;
    this.#parts.surface.setAttribute('viewBox', size);
    const rows = [0, 0.25, 0.5, 0.75, 1].map((share) => Math.round(6 + (height - 7) * share) - 0.5);
    this.#parts.grid.setAttribute('d', rows.map((y) => `M0 ${y}H${width}`).join(''));
  }

  #pointed(series: Series, time: number, right: number): Sample | undefined {
    if (this.hoverX === null) return undefined;
    const at = time - (1 - this.hoverX / right) * WINDOW_MS;
    const near = (sample: Sample) => Math.abs(sample.at - at);
    const nearest = series.samples.reduce<Sample | undefined>(
      (best, sample) => (best && near(best) <= near(sample) ? best : sample), undefined);
    return nearest && near(nearest) < GAP_MS ? nearest : undefined;
  }
}

interface Reading {
  at: number;
  value: number;
}

/** The samples up to `time` as runs without a gap, the last one led on to `time` itself. */
function unbroken(samples: readonly Sample[], time: number, read: Props['read']): Reading[][] {
  const runs: Reading[][] = [];
  let before: Reading | undefined;
  for (const sample of samples) {
    const value = read(sample);
    if (value === null || sample.at < time - WINDOW_MS - GAP_MS) continue;
    let reading: Reading = { at: sample.at, value };
    const joined = before && sample.at - before.at <= GAP_MS;
    if (sample.at > time) {
      if (!before || !joined) break;
      const share = (time - before.at) / (sample.at - before.at);
      reading = { at: time, value: before.value + (value - before.value) * share };
    }
    if (joined) runs.at(-1)?.push(reading);
    else runs.push([reading]);
    if (reading.at === time) break;
    before = reading;
  }
  return runs;
}

/** Closes a line to an area. */
function floor(run: readonly Point[], height: number): string {
  const first = run[0];
  const last = run.at(-1);
  return first && last ? `L${last.x} ${height}L${first.x} ${height}Z` : '';
}

/** The next of 1, 2, 5, 10, 20, 50, … */
function niceTop(value: number): number {
  if (value <= 0) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

function setText(element: HTMLElement | null, text: string): void {
  if (element && element.textContent !== text) element.textContent = text;
}
