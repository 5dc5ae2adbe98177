// A smooth line through points as an SVG path. It never overshoots: between two samples it stays between
// their values (monotone cubic, after Fritsch and Carlson 1980), so the chart shows no number that was not sent.

export interface Point {
  x: number;
  y: number;
}

/** `points` are ordered by x. */
export function curve(points: readonly Point[]): string {
  const [first] = points;
  if (!first) return '';
  const slopes = tangents(points);
  let path = `M${round(first.x)} ${round(first.y)}`;
  for (let i = 1; i < points.length; i += 1) {
    const from = points[i - 1] as Point;
    const to = points[i] as Point;
    const third = (to.x - from.x) / 3;
    const fromY = from.y + third * (slopes[i - 1] ?? 0);
    const toY = to.y - third * (slopes[i] ?? 0);
    path += `C${round(from.x + third)} ${round(fromY)} ${round(to.x - third)} ${round(toY)} ${round(to.x)} ${round(to.y)}`;
  }
  return path;
}

function tangents(points: readonly Point[]): number[] {
  const secants = points.slice(1).map((to, i) => {
    const from = points[i] as Point;
    return to.x > from.x ? (to.y - from.y) / (to.x - from.x) : 0;
  });
  return points.map((_, i) => {
    const before = secants[i - 1] ?? secants[i] ?? 0;
    const after = secants[i] ?? before;
    // A turning point is flat; elsewhere the harmonic mean keeps to the gentler side.
    return before * after <= 0 ? 0 : (2 * before * after) / (before + after);
  });
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
