// Plots without a library: two panels with a logarithmic axis each, readable on light and dark
// pages.
const WIDTH = 760;
const PANEL = { left: 64, width: 660, height: 190 };
const TOPS = [68, 316];
const COLOURS = ['#6b7280', '#059669', '#2563eb'];

const escapeXml = text => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const format = value => {
  const [scaled, unit] =
    value >= 1e9
      ? [value / 1e9, ' GB']
      : value >= 1e6
        ? [value / 1e6, ' MB']
        : [value / 1e3, ' KB'];
  return value < 1_000 ? String(value) : `${scaled}${unit}`;
};

/** Returns a round number that is at least `value`. */
function ceiling(value) {
  const step = 10 ** Math.floor(Math.log10(value));
  return Math.ceil(value / step) * step;
}

function drawPanel({ series, figure, top, axis }) {
  const all = Object.values(series).flat();
  const xs = [...new Set(all.map(({ x }) => x))].toSorted((a, b) => a - b);
  const [first, last] = [Math.log(xs[0]), Math.log(xs.at(-1))];
  const most = ceiling(Math.max(...all.map(point => point[figure])));
  const toX = x => PANEL.left + ((Math.log(x) - first) / (last - first)) * PANEL.width;
  const toY = y => top + PANEL.height - (Math.max(0, y) / most) * PANEL.height;
  const lines = [0, 0.25, 0.5, 0.75, 1].map(share => {
    const y = toY(most * share);
    return `<path class="grid" d="M${PANEL.left} ${y}h${PANEL.width}"/><text x="${PANEL.left - 8}" y="${y + 4}" text-anchor="end">${most * share}</text>`;
  });
  const ticks = xs.map(
    x =>
      `<text x="${toX(x)}" y="${top + PANEL.height + 18}" text-anchor="middle">${format(x)}</text>`,
  );
  const curves = Object.values(series).map((points, index) => {
    const path = points.map(point => `${toX(point.x)} ${toY(point[figure])}`).join('L');
    const dots = points.map(
      point =>
        `<circle cx="${toX(point.x)}" cy="${toY(point[figure])}" r="3" fill="${COLOURS[index]}"/>`,
    );
    return `<path class="curve" stroke="${COLOURS[index]}" d="M${path}"/>${dots.join('')}`;
  });
  const title = `<text class="title" x="${PANEL.left}" y="${top - 12}">${escapeXml(figure)}</text>`;
  const label = `<text x="${PANEL.left + PANEL.width}" y="${top + PANEL.height + 36}" text-anchor="end">${escapeXml(axis)}</text>`;
  return [title, ...lines, ...ticks, label, ...curves].join('\n');
}

/** Draws throughput above and memory below. */
export function drawScaling({ name, axis, series }) {
  const panels = ['MB/s', 'memory over idle MiB'].map((figure, index) =>
    drawPanel({ series, figure, axis, top: TOPS[index] }),
  );
  const legend = Object.keys(series).map(
    (contestant, index) =>
      `<circle cx="${300 + index * 140}" cy="20" r="4" fill="${COLOURS[index]}"/><text x="${310 + index * 140}" y="24">${escapeXml(contestant)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} 560" role="img" aria-label="${escapeXml(name)}">
<style>text{font:12px sans-serif;fill:#374151}.title{font-weight:600}.grid{stroke:#9ca3af;stroke-opacity:.35}.curve{fill:none;stroke-width:2}@media(prefers-color-scheme:dark){text{fill:#d1d5db}}</style>
<text class="title" x="16" y="24">${escapeXml(name)}</text>
${legend.join('')}
${panels.join('\n')}
</svg>
`;
}
