import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { HTTP_RESPONSES } from '../../lib/http/http-exception.js';
import { REPLACED_UPLOAD_OPTIONS } from '../../lib/http/option-checks.js';
import { completeLimits } from '../../lib/http/upload/upload-options.js';
import * as publicApi from '../../lib/index.js';
import type { WxCloudStorageOptions } from '../../lib/options/options.js';
import { SYSTEM_DISK } from '../../lib/options/disk.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import { filesBelow, manifestOf, ROOT } from './support/files.js';
import { anchorsOf, linksOf, type PageLink } from './support/page-links.js';
import {
  blocksOf,
  bothOf,
  CONTENTS,
  GUIDES,
  outlineOf,
  PAIRS,
  plain,
  READMES,
  type Row,
  rowsOf,
  sectionsOf,
  textOf,
} from './support/pages.js';
import { nodeAt, nodesAt, parseSource, textAt, withDescendants } from './support/syntax-tree.js';

const LANGUAGES = [
  ['English', 0],
  ['Chinese', 1],
] as const;
const OPTIONS = bothOf('options');
const UPLOADS = bothOf('uploads');
const ERRORS = bothOf('errors');
const FROM_MULTER = bothOf('migrating-from-multer');

/** The pages that say what the package offers; the others are about one use of it. */
const REFERENCE = [
  'getting-started',
  'options',
  'uploads',
  'downloads-and-serving',
  'direct-uploads',
  'bucket-access',
  'tokens-and-replicas',
  'pending-files',
  'errors',
  'observability',
];

/** Every page of the repository. */
const MARKDOWN = [
  ...readdirSync(ROOT).filter(name => name.endsWith('.md')),
  ...filesBelow(join(ROOT, 'docs'))
    .filter(path => path.endsWith('.md'))
    .map(path => `docs/${path}`),
  ...['bench', 'compat', 'sample/image-lab', 'soak'].map(folder => `${folder}/README.md`),
];

/** The order in which the README tells what it has to say. */
const SECTIONS = [
  'Install',
  'Quick start',
  'Two commands',
  'What it gives you',
  'Before and after',
  'Documentation',
];

const MAX_README_BYTES = 12 * 1024;

/** The input of `resolveOptions`; everything else in its result is a default. */
const GIVEN = { env: 'given', appid: 'given', secret: 'given' };

/** The whole numbers in the cell of a table. */
function numbersIn(cell = ''): readonly string[] {
  return cell.match(/\d+/g) ?? [];
}

/** The names in code in the cell of a table. */
function codeIn(cell = ''): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
}

interface OptionRange {
  readonly option: string;
  readonly ends: readonly [number, number];
}

/** Where Nest keeps the types of multer's options. */
const NESTS_OPTIONS =
  'node_modules/@nestjs/platform-express/multer/interfaces/multer-options.interface.d.ts';

describe.each(READMES)('%s', path => {
  it('has at most 12 KB', () => {
    expect(Buffer.byteLength(textOf(path))).toBeLessThanOrEqual(MAX_README_BYTES);
  });

  it('has a section for each of these, and ten things that the package gives', () => {
    const [english] = READMES;
    expect([...sectionsOf(english, '##').keys()]).toEqual(SECTIONS);
    expect(rowsOf(english, '| file uploads')).toHaveLength(10);
    expect(outlineOf(path)).toEqual(outlineOf(english));
  });

  it('gives the two commands and the line that installs the package', () => {
    const text = textOf(path);
    expect(text).toMatch(/^npm ci && npm start .*http:\/\/127\.0\.0\.1:3000/m);
    expect(text).toMatch(/^npm ci && npm test /m);
    expect(text).toContain(`\nnpm install ${manifestOf(ROOT).name}\n`);
  });

  it('starts with a quick start of no more than 20 lines', () => {
    const [quickStart] = blocksOf(path);
    expect(quickStart).toMatchObject({ file: 'app.module.ts' });
    expect(String(quickStart?.text).trim().split('\n').length).toBeLessThanOrEqual(20);
  });

  it('shows the same controller with multer and an SDK, and with this package', () => {
    const files = blocksOf(path).map(({ file }) => file);
    expect(files).toEqual(['app.module.ts', 'photos.before.ts', 'photos.after.ts']);
  });
});

describe.each(OPTIONS)('the options table of %s', path => {
  const rows = rowsOf(path, '| `env`');
  const defaults = defaultsByOption();

  it('has every option, once, in the order of the types', () => {
    expect(rows.map(([option]) => plain(option))).toEqual(optionNames());
  });

  it('gives every default as the code does', () => {
    const documented = rows.map(([option, , , value]) => [plain(option), defaultOf(value)]);
    expect(Object.fromEntries(documented)).toEqual(defaults);
  });

  it.each(rangesOf(rows))('gives the range of $option as the code has it', ({ option, ends }) => {
    const [min, max] = ends;
    const tried = [min - 1, min, max, max + 1].map(value => judge(option, value));
    expect(tried).toEqual(['refused', 'accepted', 'accepted', 'refused']);
  });
});

describe.each(UPLOADS)('%s', path => {
  const rows = rowsOf(path, '| `fileSize`');
  const limits = completeLimits();

  it('has every limit, once, and every option of an interceptor', () => {
    const names = rows.map(([limit]) => plain(limit));
    const options = rowsOf(path, '| `path`').map(([option]) => plain(option));
    const engine = membersOf('lib/http/upload/upload-options.ts', 'WxCloudUploadEngineOptions');
    const more = membersOf('lib/http/upload/upload-options.ts', 'WxCloudUploadInterceptorOptions');
    expect(names).toEqual(membersOf('lib/http/upload/upload-options.ts', 'WxCloudUploadLimits'));
    expect(names.toSorted()).toEqual(Object.keys(limits).toSorted());
    expect(options.toSorted()).toEqual([...engine, ...more].toSorted());
  });

  it('gives the default of every limit as the code does', () => {
    const documented = rows.flatMap(([limit, cell]) =>
      numbersIn(cell).map(value => `${plain(limit)}: ${value}`),
    );
    const defaults = Object.entries(limits).map(([limit, value]) => `${limit}: ${value}`);
    expect(documented).toEqual(expect.arrayContaining(defaults));
  });
});

describe.each(ERRORS)('%s', path => {
  const rows = rowsOf(path, '| [`WX_CLOUD_OPTIONS_INVALID`]');
  const codes = rows.map(([cell]) => codeIn(cell)[0] ?? '');

  it('has every code once, in the order of the code, with its HTTP status', () => {
    const documented = rows.map(([, status], index) => [codes[index], Number(status)]);
    const answers = Object.entries(HTTP_RESPONSES).map(([code, { status }]) => [code, status]);
    expect(documented.toSorted()).toEqual(answers.toSorted());
    expect(codes).toEqual(errorCodes());
  });

  it('says for every code what it means, and whether to try again', () => {
    expect(rows.map(row => row.filter(Boolean).length)).toEqual(rows.map(() => 4));
  });

  it('says for every code what to do, in a section to which the table leads', () => {
    const sections = sectionsOf(path, '###');
    expect([...sections.keys()]).toEqual(errorCodes());
    expect([...sections].filter(([, text]) => !/[.。]$/.test(text))).toEqual([]);
    expect(rows.map(([cell]) => cell)).toEqual(
      codes.map(code => `[\`${code}\`](#${code.toLowerCase()})`),
    );
    expect(anchorsOf(textOf(path))).toEqual(
      expect.arrayContaining(errorCodes().map(code => code.toLowerCase())),
    );
  });
});

describe.each(bothOf('emulator'))('%s', path => {
  it('has every option of the emulator, once, in the order of the type', () => {
    const options = rowsOf(path, '| `port`').map(([option]) => plain(option));
    const members = membersOf('lib/emulator/state/emulator-options.ts', 'WxCloudEmulatorOptions');
    expect(options).toEqual(members);
  });

  it('has every member of its option cos, once, in the order of the type', () => {
    const options = rowsOf(path, '| `keys`').map(([option]) => plain(option));
    const members = membersOf('lib/emulator/state/cos-options.ts', 'WxCloudEmulatorCosOptions');
    expect(options).toEqual(members);
  });
});

describe.each(FROM_MULTER)('%s', path => {
  const options = rowsOf(path, '| `dest`').flatMap(([cell]) => codeIn(cell));

  it("has every option of Nest's interceptors for multer", () => {
    expect(options).toEqual(expect.arrayContaining([...membersOf(NESTS_OPTIONS, 'MulterOptions')]));
  });

  it('has no option but those that start-up takes, or says what to use in place of', () => {
    const kinds = ['WxCloudUploadEngineOptions', 'WxCloudUploadInterceptorOptions'];
    const own = kinds.flatMap(kind => membersOf('lib/http/upload/upload-options.ts', kind));
    const unknown = options.filter(name => !own.includes(name));
    expect(unknown.length).toBeGreaterThan(0);
    expect(unknown.filter(name => !REPLACED_UPLOAD_OPTIONS.has(name.toLowerCase()))).toEqual([]);
  });

  it('has every limit with its default as the code does, and all of multer', () => {
    const rows = rowsOf(path, '| `fileSize`');
    const documented = rows.map(([limit, , value]) => [plain(limit), numbersIn(value).map(Number)]);
    const defaults = Object.entries(completeLimits()).map(([limit, value]) => [limit, [value]]);
    expect(documented.toSorted()).toEqual(defaults.toSorted());
    const names = documented.map(([limit]) => limit);
    expect(names).toEqual(expect.arrayContaining([...membersOf(NESTS_OPTIONS, 'MulterLimits')]));
  });

  it("names every code of multer's errors that Nest answers", () => {
    const source = textOf('node_modules/multer/lib/multer-error.js');
    const codes = [...source.matchAll(/^ {2}([A-Z_]+):/gm)].map(([, code = '']) => code);
    // Nest takes this one for a failure of the storage engine.
    const named = codes.filter(code => code !== 'STREAM_DESTROYED');
    expect(named.length).toBeGreaterThan(9);
    expect(named.filter(code => !textOf(path).includes(`\`${code}\``))).toEqual([]);
  });
});

describe('the documentation', () => {
  it('has these pages, all in both languages but the architecture', () => {
    const pages = PAIRS.flat().filter(path => path.startsWith('docs/'));
    const files = readdirSync(join(ROOT, 'docs')).filter(name => name.endsWith('.md'));
    expect(files.map(name => `docs/${name}`).toSorted()).toEqual(
      [...pages, 'docs/architecture.md'].toSorted(),
    );
  });

  it.each(LANGUAGES)('lists its pages in the table of contents, in order, in %s', (_, language) => {
    const path = CONTENTS[language];
    const guides = GUIDES.map(guide => bothOf(guide)[language]);
    const rows = rowsOf(path, `| [`).map(([cell = '']) => linksOf(path, cell));
    expect(rows).toEqual(guides.map(target => [{ target, anchor: undefined }]));
    const readme = READMES[language];
    const linked = linksOf(readme, textOf(readme)).map(({ target }) => target);
    expect(linked).toEqual(expect.arrayContaining([path, ...guides]));
  });

  it.each(LANGUAGES)('names all exports and methods of the service in %s', (_, language) => {
    const text = REFERENCE.map(guide => textOf(bothOf(guide)[language])).join('\n');
    const names = [...Object.keys(publicApi), ...serviceMembers()];
    expect(names.filter(name => !text.includes(name))).toEqual([]);
  });

  it('says of the same errors in both languages that they can be tried again', () => {
    const chineseWords: Readonly<Record<string, string>> = {
      no: '否',
      sometimes: '视情况',
      yes: '是',
    };
    const [english, chinese] = ERRORS.map(path =>
      rowsOf(path, '| [`WX_CLOUD_OPTIONS_INVALID`]').map(row => String(row[3])),
    );
    expect(chinese).toEqual(english?.map(word => chineseWords[word]));
  });

  it('has a diagram for each of the four flows', () => {
    const [english] = bothOf('flows');
    const diagrams = outlineOf(english).filter(part => part.startsWith('```mermaid'));
    expect(diagrams).toHaveLength(4);
  });

  it('has tests to copy, with a fake', () => {
    const [english] = bothOf('testing');
    expect(blocksOf(english).map(({ file }) => file)).toContain('photos.fake.spec.ts');
  });

  it('leads from every guide to the table of contents', () => {
    const tops = GUIDES.flatMap(guide => bothOf(guide).map(path => topLinksOf(path)[0]));
    expect(tops).toEqual(GUIDES.flatMap(() => CONTENTS));
  });

  it('has no dead link', () => {
    const pages = MARKDOWN.flatMap(page =>
      linksOf(page, textOf(page)).map(link => ({ page, ...link })),
    );
    expect(pages.length).toBeGreaterThan(300);
    expect(pages.filter(link => isDead(link))).toEqual([]);
  });
});

describe.each(PAIRS)('%s and %s', (english, chinese) => {
  it('link each other below their titles', () => {
    expect(topLinksOf(english).at(-1)).toBe(chinese);
    expect(topLinksOf(chinese).at(-1)).toBe(english);
  });

  it('have the same headings, tables and code in the same order', () => {
    expect(outlineOf(chinese)).toEqual(outlineOf(english));
    expect(blocksOf(chinese)).toEqual(blocksOf(english));
  });

  it('lead to the same pages, each in its language', () => {
    const translated = targetsOf(english).map(inChinese);
    expect(targetsOf(chinese).toSorted()).toEqual(translated.toSorted());
  });
});

/** The pages to which the line below a page's title leads. */
function topLinksOf(path: string): readonly string[] {
  const top = textOf(path).split('\n')[2] ?? '';
  return linksOf(path, top).map(({ target }) => target);
}

/** The pages to which the text of a page leads, from its first paragraph on. */
function targetsOf(path: string): readonly string[] {
  const [, , , ...text] = textOf(path).split('\n');
  return linksOf(path, text.join('\n')).map(({ target }) => target);
}

function inChinese(page: string): string {
  return PAIRS.find(([english]) => english === page)?.[1] ?? page;
}

function isDead({ target, anchor }: PageLink): boolean {
  if (!existsSync(join(ROOT, target))) return true;
  return anchor !== undefined && !anchorsOf(textOf(target)).includes(anchor);
}

/** The code that a cell begins with; undefined when it begins with words. */
function defaultOf(cell: string | undefined): string | undefined {
  return /^`([^`]+)`/.exec(cell ?? '')?.[1];
}

/** The ranges that have two ends; one end may be another option's default. */
function rangesOf(rows: readonly Row[]): readonly OptionRange[] {
  const defaults = defaultsByOption();
  const toNumber = (end: string): number => Number(defaults[`retry.${end}`] ?? end);
  return rows.flatMap(([option, , range]) => {
    const [, min, max] = /^(\w+) … (\w+)$/.exec(plain(range)) ?? [];
    if (min === undefined || max === undefined) return [];
    return [{ option: plain(option), ends: [toNumber(min), toNumber(max)] }];
  });
}

/** Passes one option to `resolveOptions`, and returns the verdict. */
function judge(option: string, value: number): 'accepted' | 'refused' {
  const [group = '', name = ''] = option.split('.');
  try {
    const required = group === 'cos' ? { bucket: 'given' } : {};
    const given = { ...GIVEN, [group]: name === '' ? value : { ...required, [name]: value } };
    resolveOptions(given as WxCloudStorageOptions);
    return 'accepted';
  } catch {
    return 'refused';
  }
}

/** The defaults that `resolveOptions` adds, as text, by the path of the option. */
function defaultsByOption(): Readonly<Record<string, string>> {
  // With unlimited free disk space, as the space of this machine is not a default.
  const {
    env: _env,
    auth: _auth,
    ...others
  } = resolveOptions(GIVEN, {
    ...SYSTEM_DISK,
    freeBytesIn: () => Infinity,
  });
  const { isFromEnvironment: _from, ...resolved } = others;
  const leaves = Object.entries(resolved).flatMap(([name, value]) =>
    typeof value === 'object'
      ? Object.entries(value).map(([inner, leaf]) => [`${name}.${inner}`, leaf] as const)
      : [[name, value] as const],
  );
  const given = leaves.filter(([, value]) => value !== undefined);
  return {
    ...Object.fromEntries(
      given.map(([name, value]) => [name, value === tmpdir() ? 'os.tmpdir()' : String(value)]),
    ),
    ...defaultsOfCos(),
  };
}

/** The defaults of the group `cos`, which has none without its bucket. */
function defaultsOfCos(): Readonly<Record<string, string>> {
  const { cos } = resolveOptions({ ...GIVEN, cos: { bucket: '<bucket>' } });
  const region = /^<bucket>\.cos\.([\w-]+)/.exec(cos?.host ?? '')?.[1] ?? '';
  return {
    'cos.region': region,
    'cos.credentials': `'${cos?.credentials.type}'`,
    'cos.endpoint': cos?.address.replace(region, '<region>') ?? '',
    'cos.partBytes': String(cos?.partBytes),
  };
}

/** Every option by its path, groups taken apart, in the order of the types. */
function optionNames(): readonly string[] {
  const path = 'lib/options/options.ts';
  const groups: Readonly<Record<string, string>> = {
    timeouts: 'TimeoutOptions',
    retry: 'RetryOptions',
    upload: 'UploadOptions',
    links: 'LinkOptions',
  };
  const cos = membersOf('lib/options/cos-options.ts', 'CosOptions').map(name => `cos.${name}`);
  const [env = '', ...others] = membersOf(path, 'WxCloudStorageCommonOptions');
  const names = [env, ...membersOf(path, 'WxCloudStorageSecretOptions'), ...others];
  return names.flatMap(name => {
    if (name === 'cos') return cos;
    const group = groups[name];
    return group === undefined ? [name] : membersOf(path, group).map(inner => `${name}.${inner}`);
  });
}

/** The names of an interface's own members, in order. */
function membersOf(path: string, interfaceName: string): readonly string[] {
  const { program } = parseSource(path, textOf(path));
  const declaration = withDescendants(program).find(
    node =>
      node.type === 'TSInterfaceDeclaration' &&
      textAt(nodeAt(node, 'id') ?? node, 'name') === interfaceName,
  );
  const body = declaration && nodeAt(declaration, 'body');
  if (body === undefined) throw new Error(`${path} has no interface ${interfaceName}`);
  return nodesAt(body, 'body').map(member => textAt(nodeAt(member, 'key') ?? member, 'name') ?? '');
}

/** The codes of the union, in its order. */
function errorCodes(): readonly string[] {
  const [, rest = ''] = textOf('lib/errors/errors.ts').split('type WxCloudStorageErrorCode =');
  const [union = ''] = rest.split(';');
  return [...union.matchAll(/'(WX_CLOUD_\w+)'/g)].map(([, code = '']) => code);
}

/** The methods and getters of the service, as code in a text. */
function serviceMembers(): readonly string[] {
  const members = Object.getOwnPropertyDescriptors(publicApi.WxCloudStorageService.prototype);
  return Object.entries(members)
    .filter(([name]) => name !== 'constructor')
    .map(([name, { get }]) => `\`${name}${get === undefined ? '(' : '`'}`);
}
