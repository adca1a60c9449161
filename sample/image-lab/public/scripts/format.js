const UNITS = ['B', 'KB', 'MB', 'GB'];

/** A size in the unit that suits it, e.g. `1.4 MB`. */
export function formatBytes(bytes) {
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length - 1);
  const amount = bytes / 1024 ** step;
  const digits = step === 0 || amount >= 100 || Number.isInteger(amount) ? 0 : 1;
  return `${amount.toFixed(digits)} ${UNITS[step]}`;
}

/** A time of day to the second, e.g. `14:05:09`. */
export function formatTime(date) {
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()];
  return parts.map(part => String(part).padStart(2, '0')).join(':');
}

/** Width and height, e.g. `800 × 600`. */
export function formatDimensions({ width, height }) {
  return `${width} × ${height}`;
}
