/** The parts that stick to the edges of the window, by the names of their heights in the styles. */
const EDGES = { banner: '#offline', head: '.gallery-head', strip: '#requests' };

/**
 * Tells the style sheets how high each of them is, as `--banner-height` and so on, 0 while it is
 * hidden: so that none covers another one, or what gets the focus.
 */
export function watchEdges() {
  const { style } = document.documentElement;
  for (const [name, selector] of Object.entries(EDGES)) {
    const edge = document.querySelector(selector);
    const tell = () => style.setProperty(`--${name}-height`, `${edge.offsetHeight}px`);
    new ResizeObserver(tell).observe(edge, { box: 'border-box' });
  }
}
