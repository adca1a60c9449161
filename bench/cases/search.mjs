import { createRequire } from 'node:module';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';

const CHUNK_BYTES = 65_536;
const DELIMITER = Buffer.from('\r\n------WebKitFormBoundary7MA4YWxkTrZu0gWW');
const ONE_LETTER = Buffer.from(`\r\n--${'a'.repeat(70)}`);

/** Contents that a client may send, each with the delimiter that it has chosen for it. */
const DATA = {
  random: [randomBytes(CHUNK_BYTES), DELIMITER],
  'last byte': [DELIMITER.subarray(-1), DELIMITER],
  CR: ['\r', DELIMITER],
  CRLF: ['\r\n', DELIMITER],
  'CRLF--': ['\r\n--', DELIMITER],
  'all but the last byte': [DELIMITER.subarray(0, -1), DELIMITER],
  'all but the first byte': [DELIMITER.subarray(1), DELIMITER],
  'a, of a': ['a', ONE_LETTER],
  'all but the last byte, of a': [ONE_LETTER.subarray(0, -1), ONE_LETTER],
  'all but the first bytes, of a': [ONE_LETTER.subarray(2), ONE_LETTER],
  'lines of text': ['the quick brown fox jumps over\r\n', DELIMITER],
};

/** Loads busboy's search, which Nest's Express adapter uses. */
function loadStreamSearch() {
  const steps = ['@nestjs/platform-express', 'multer', 'busboy', 'streamsearch'];
  const file = steps.reduce(
    (from, name) => createRequire(from).resolve(name),
    fileURLToPath(import.meta.url),
  );
  return createRequire(file)(file);
}

const StreamSearch = loadStreamSearch();
const SHORT = Buffer.from('\r\n--');

/** The searches: each returns the position of the delimiter, or -1 if there is none. */
const SEARCHES = {
  'lib/multipart': (data, delimiter) => data.indexOf(delimiter),
  busboy: (data, delimiter) => {
    let found = -1;
    new StreamSearch(delimiter, (...[isMatch, , , end]) => {
      if (isMatch) found = end;
    }).push(data, 0);
    return found;
  },
  'four bytes first': (data, delimiter) => {
    const at = data.indexOf(SHORT);
    const isIt = at === -1 || data.subarray(at, at + delimiter.length).equals(delimiter);
    return isIt ? at : data.indexOf(delimiter, at + 1);
  },
};

/**
 * Measures the throughput for one kind of data. Checks the results too: a wrong search may be fast.
 */
function measureSearch(search, [fill, delimiter], times) {
  const data = Buffer.alloc(CHUNK_BYTES, fill);
  const ending = Buffer.concat([data, delimiter]);
  const places = [search(data, delimiter), search(ending, delimiter)];
  if (places[0] !== -1 || places[1] !== CHUNK_BYTES) {
    throw new Error(`a search found a delimiter at ${places}`);
  }
  const startMs = performance.now();
  for (let count = 0; count < times; count += 1) search(data, delimiter);
  return (times * CHUNK_BYTES) / 1_000 / (performance.now() - startMs);
}

/**
 * The search for the delimiter alone, in chunks of the size that a connection delivers, in MB/s.
 */
export const SEARCH = {
  name: 'search for the delimiter, MB/s',
  contestants: Object.keys(SEARCHES),
  measure: async (contestant, _case, { isSmoke }) =>
    Object.fromEntries(
      Object.entries(DATA).map(([kind, data]) => {
        const search = SEARCHES[contestant];
        if (!isSmoke) measureSearch(search, data, 200);
        return [kind, measureSearch(search, data, isSmoke ? 1 : 600)];
      }),
    ),
};
