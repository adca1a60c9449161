import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import { HTTP_RESPONSES } from '../../lib/http/http-exception.js';
import { completeLimits } from '../../lib/http/upload/upload-options.js';
import { OperationMetrics } from '../../lib/opentelemetry/operation-metrics.js';
import { OPERATIONS } from '../../lib/opentelemetry/operations.js';
import { SYSTEM_DISK } from '../../lib/options/disk.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import { ROOT, sourcesBelow } from './support/files.js';
import { logLinesOf } from './support/log-lines.js';
import { bothOf, plain, rowsOf, textOf } from './support/pages.js';

const PAGES = bothOf('operations');

/** All lines that the package writes; the emulator and the commands have output of their own. */
const LINES = sourcesBelow(join(ROOT, 'lib'), /^(?!emulator\/|cli\/|testing\/).*\.ts$/).flatMap(
  file => logLinesOf(file),
);
const HAS_WORDS = /\p{L}{2}/u;
/** A row up to where its line goes on. */
const startOf = (row: string): string => row.replace(/…$/, '');

/** Calls whose text is made elsewhere: each line of theirs has a row in the pages. */
const WITHOUT_TEXT = [
  // It passes on what others write.
  'diagnostics.ts warn',
  // One line for each 5xx, with its stack.
  'http/http-exception.ts error',
  'http/http-exception.ts debug',
  // They pass on what an instance writes, with its name.
  'opened-instances.ts debug',
  'opened-instances.ts debug',
  'opened-instances.ts warn',
  'opened-instances.ts error',
  // The options at the start.
  'wx-cloud-storage.module.ts log',
];
/** The rows of those calls. */
const EXAMPLES = [
  'error POST /albums/:id/photos: 502 WX_CLOUD_CREDENTIAL_REFUSED: …',
  'debug WxCloudStorageError: … at … Caused by: …',
  'log env=prod-8gtest auth=stable-token api=api.weixin.qq.com',
];

interface Instrument {
  readonly name: string;
  readonly unit: string;
  readonly suffix: string;
}

/** Every member that an event may have. */
const EVENT = {
  env: '',
  code: '',
  size: 0,
  wasLeft: true as const,
  tries: 0,
  files: 0,
  failed: 0,
  entries: 0,
  type: '',
  expiresInSeconds: 0,
  endpoint: '',
  method: '',
  status: 0,
};

/** The instruments of the package, and the attributes that they get. */
function observeMetrics() {
  const instruments: Instrument[] = [];
  const attributes = new Set<string>();
  const note = (_value: number, given: object): void =>
    Object.keys(given).forEach(name => attributes.add(name));
  const creates =
    (suffix: string) =>
    (name: string, { unit }: { readonly unit: string }) => {
      instruments.push({ name, unit, suffix });
      return { record: note, add: note };
    };
  const metrics = new OperationMetrics({
    createHistogram: creates(''),
    createCounter: creates('_total'),
    createUpDownCounter: creates(''),
  } as never);
  for (const operation of OPERATIONS) metrics.record(operation, EVENT, ROOT_CONTEXT);
  metrics.countPending({ env: '', upload: {}, isPending: true });
  return { instruments, attributes: [...attributes] };
}

const UNITS: Readonly<Record<string, string>> = { s: '_seconds', By: '_bytes' };
const underscored = (name: string): string => name.replaceAll('.', '_');
const named = ({ name, unit, suffix }: Instrument): string =>
  [underscored(name), UNITS[unit], suffix].join('');

const blocksOf = (path: string): readonly string[] =>
  [...textOf(path).matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => text);

/** The error codes in a text, also those in a group such as `WX_CLOUD_(A|B)`. */
const codesIn = (text: string): readonly string[] =>
  [...text.matchAll(/WX_CLOUD_\(?([A-Z_|]+)/g)].flatMap(([, names = '']) =>
    names.split('|').map(name => `WX_CLOUD_${name}`),
  );

describe.each(PAGES)('the log lines of %s', path => {
  const rows = rowsOf(path, '| `error`').map(([level, line]) => `${plain(level)} ${plain(line)}`);
  const written = LINES.map(({ level, text }) => `${level} ${text}`);

  it('are those of the code, each in one row', () => {
    const withText = LINES.filter(({ text }) => HAS_WORDS.test(text));
    const found = withText.map(({ level, text }) => [
      text,
      rows.filter(row => `${level} ${text}`.startsWith(startOf(row))).length,
    ]);
    expect(found.length).toBeGreaterThan(20);
    expect(found).toEqual(withText.map(({ text }) => [text, 1]));
  });

  it('have no row but those, and examples of what is made elsewhere', () => {
    const others = rows.filter(row => !written.some(line => line.startsWith(startOf(row))));
    expect(others).toEqual(EXAMPLES);
  });

  it('say when each is written, and what to do', () => {
    const cells = rowsOf(path, '| `error`').map(row => row.filter(Boolean).length);
    expect(cells).toEqual(rows.map(() => 4));
  });
});

describe('the log lines of the package', () => {
  it('have a fixed text, but for these', () => {
    const open = LINES.filter(({ text }) => !HAS_WORDS.test(text));
    expect(open.map(({ path, level }) => `${path} ${level}`)).toEqual(WITHOUT_TEXT);
  });
});

describe.each(PAGES)('the alerts of %s', path => {
  const [rules = '', logRules = ''] = blocksOf(path);
  const { instruments, attributes } = observeMetrics();

  it('have the names that Prometheus gives to the metrics', () => {
    const rows = rowsOf(path, '| `wx_cloud.operation.duration`');
    expect(rows.map(row => row.map(cell => plain(cell)))).toEqual(
      instruments.map(({ name, unit, suffix }) => [
        name,
        named({ name, unit, suffix }),
        named({ name, unit: '', suffix }),
      ]),
    );
  });

  it('use metrics and labels that there are', () => {
    const labels = attributes.map(underscored);
    const series = instruments.flatMap(each =>
      ['', '_bucket', '_count', '_sum'].map(part => `${named(each)}${part}`),
    );
    const used = [...rules.matchAll(/\bwx_cloud_\w+/g)].map(([name]) => name);
    expect(used.length).toBeGreaterThan(20);
    expect(used.filter(name => ![...labels, ...series].includes(name))).toEqual([]);
  });

  it('leave out exactly the errors of clients', () => {
    const excluded = String(rules.match(/error_type!~"\|[^"]+"/));
    const ofClients = Object.entries(HTTP_RESPONSES).filter(([, { status }]) => status < 500);
    expect(codesIn(excluded).toSorted()).toEqual(ofClients.map(([code]) => code).toSorted());
  });

  it('leave out the errors of functions of the application, which may refuse a request', () => {
    expect(rules).toMatch(/error_type!~"\|unknown\|/);
  });

  it('name codes that there are', () => {
    const codes = codesIn(textOf(path));
    expect(codes.length).toBeGreaterThan(20);
    expect(codes.filter(code => !(code in HTTP_RESPONSES))).toEqual([]);
  });

  it('search the log for texts that the package writes', () => {
    const searched = [...logRules.matchAll(/\|= "([^"]+)"/g)].map(([, text = '']) => text);
    const failures = Object.entries(HTTP_RESPONSES).map(
      ([code, { status }]) => `${status} ${code}`,
    );
    const texts = [...failures, ...LINES.map(({ text }) => text)];
    expect(searched.length).toBeGreaterThan(5);
    expect(searched.filter(text => !texts.some(line => line.includes(text)))).toEqual([]);
  });

  it('are all explained, in order', () => {
    const alerts = [...`${rules}${logRules}`.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
    const rows = rowsOf(path, '| `WxCloudOperationsFail`');
    expect(rows.map(([name]) => plain(name))).toEqual(alerts);
    expect(rows.map(row => row.filter(Boolean).length)).toEqual(rows.map(() => 4));
  });
});

describe.each(PAGES)('the sizes of %s', path => {
  it('start from the defaults of the code', () => {
    const given = { env: 'given', appid: 'given', secret: 'given' };
    const { upload, maxConnections } = resolveOptions(given, {
      ...SYSTEM_DISK,
      freeBytesIn: () => Infinity,
    });
    const rows = rowsOf(path, '| `upload.memoryBudgetBytes`');
    const defaults = rows.map(([name = '', value]) => [
      plain(name),
      /^`(\d+)`/.exec(String(value))?.[1],
    ]);
    expect(Object.fromEntries(defaults)).toMatchObject({
      'upload.memoryBudgetBytes': String(upload.memoryBudgetBytes),
      'upload.memoryLimitBytes': String(upload.memoryLimitBytes),
      'upload.diskBudgetBytes': String(upload.diskBudgetBytes),
      maxConnections: String(maxConnections),
      'limits.fileSize': String(completeLimits().fileSize),
    });
  });
});
