import { beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { parseSync } from 'oxc-parser';
import { runToEnd } from '../support/child.js';
import { builtPackage, filesBelow, manifestOf, ROOT, sourcesBelow } from './support/files.js';
import { importsOf, packageNameOf } from './support/imports.js';
import {
  parseSource,
  type SourceFile,
  type SyntaxNode,
  withDescendants,
} from './support/syntax-tree.js';

/** The names that `import … from` finds at run time; a change here changes the public API. */
const RUNTIME_EXPORTS: Readonly<Record<string, readonly string[]>> = {
  'nestjs-wx-cloud-storage': [
    'FileId',
    'FileIds',
    'FileTooLargeError',
    'InjectWxAccessTokenProvider',
    'InjectWxCloudPendingFiles',
    'InjectWxCloudStorage',
    'OptionsInvalidError',
    'ParseFileIdPipe',
    'RequestTimedOutError',
    'TypeRefusedError',
    'UploadRejectedError',
    'WxAccessTokenProvider',
    'WxCloudAnyFilesInterceptor',
    'WxCloudExceptionFilter',
    'WxCloudFile',
    'WxCloudFileFieldsInterceptor',
    'WxCloudFileInterceptor',
    'WxCloudFilePipe',
    'WxCloudFilesInterceptor',
    'WxCloudPendingFiles',
    'WxCloudReplyInterceptor',
    'WxCloudStorageError',
    'WxCloudStorageModule',
    'WxCloudStorageRegistry',
    'WxCloudStorageService',
    'WxCloudUploadProgress',
    'WxCloudUploadedFile',
    'getWxAccessTokenProviderToken',
    'getWxCloudPendingFilesToken',
    'getWxCloudStorageOptionsToken',
    'getWxCloudStorageToken',
    'toHttpException',
    'wxCloudUpload',
  ],
  'nestjs-wx-cloud-storage/opentelemetry': ['instrumentWxCloudStorage'],
  'nestjs-wx-cloud-storage/redis': [
    'redisAccessTokenStore',
    'redisPendingFileStore',
    'redisReplicaChannel',
  ],
  'nestjs-wx-cloud-storage/swagger': [
    'ApiWxCloudAnyFiles',
    'ApiWxCloudFile',
    'ApiWxCloudFileFields',
    'WxCloudErrorBody',
  ],
  'nestjs-wx-cloud-storage/terminus': ['WxCloudHealthIndicator'],
  'nestjs-wx-cloud-storage/testing': ['accessTokenStoreContract', 'pendingFileStoreContract'],
  'nestjs-wx-cloud-storage/emulator': ['startWxCloudEmulator'],
};

/** The package as an application sees it, asked for in one process. */
interface Views {
  /** The names of each entry by `import`. */
  readonly imported: typeof RUNTIME_EXPORTS;
  /** The same by `require()`. */
  readonly required: typeof RUNTIME_EXPORTS;
  /** The same of the CommonJS build. */
  readonly commonJs: typeof RUNTIME_EXPORTS;
  /** The entries of which `import` and `require()` give the same values. */
  readonly same: readonly string[];
  /** The stack of a refused option, by module system. */
  readonly stacks: Readonly<Record<'imported' | 'commonJs', string>>;
}

/** Prints a {@link Views} of `entries`, which are listed with the files of the CommonJS build. */
const PRINT_VIEWS = `
  const namesOf = module =>
    Object.keys(module).filter(name => name !== '__esModule' && name !== 'module.exports').sort();
  const byEntry = find =>
    Object.fromEntries(entries.map(([entry, file]) => [entry, namesOf(find(entry, file))]));
  const stackOf = ({ wxCloudUpload }) => {
    try {
      wxCloudUpload({ misspelt: true });
    } catch (error) {
      return error.stack;
    }
  };
  Promise.all(entries.map(([entry]) => import(entry))).then(modules => {
    const imported = new Map(entries.map(([entry], index) => [entry, modules[index]]));
    const isSame = ([entry, module]) =>
      Object.keys(module).every(name => name === 'module.exports' || module[name] === require(entry)[name]);
    console.log(JSON.stringify({
      imported: byEntry(entry => imported.get(entry)),
      required: byEntry(entry => require(entry)),
      commonJs: byEntry((_entry, file) => require(file)),
      same: [...imported].filter(isSame).map(([entry]) => entry),
      stacks: { imported: stackOf(modules[0]), commonJs: stackOf(require(entries[0][1])) },
    }));
  });`;

let views: Views;
beforeAll(async () => {
  builtPackage();
  const code = `const entries = ${JSON.stringify(commonJsFiles())};${PRINT_VIEWS}`;
  const args = ['--enable-source-maps', '--input-type=commonjs', '-e', code];
  const { stdout } = await runToEnd(process.execPath, args, { cwd: ROOT });
  views = JSON.parse(stdout) as Views;
});

describe('the built package', () => {
  it('exports exactly the names that are written down', () => {
    expect(views.imported).toEqual(RUNTIME_EXPORTS);
  });

  it('gives require() the same names', () => {
    expect(views.required).toEqual(RUNTIME_EXPORTS);
  });

  it('gives require() and import one and the same classes', () => {
    expect(views.same.toSorted()).toEqual(Object.keys(RUNTIME_EXPORTS).toSorted());
  });

  it('gives the same names in its CommonJS build', () => {
    expect(views.commonJs).toEqual(RUNTIME_EXPORTS);
  });

  it.each(['imported', 'commonJs'] as const)('names its sources in a stack: %s', build => {
    const { file, line } = frameOf(views.stacks[build], 'multer-engine.ts');
    expect(file).toMatch(/\/lib\/http\/upload\/multer-engine\.ts$/);
    expect(readFileSync(file, 'utf8').split('\n')[line - 1]).toContain('wxCloudUpload()');
  });

  it('loads nothing by import() in its CommonJS build', () => {
    const files = filesBelow(builtPackage()).filter(path => path.endsWith('.cjs'));
    expect(files).toContain('index.cjs');
    expect(files.filter(hasDynamicImport)).toEqual([]);
  });

  it('names only declared packages in its code', () => {
    expect(undeclaredImportsOf(built(/(?<!\.d)\.c?js$/))).toEqual([]);
  });

  it('names only peers in its types, so that no type of a dependency is needed', () => {
    const { peerDependencies } = manifestOf(ROOT);
    expect(importsBesides(peerDependencies, built(/\.d\.c?ts$/))).toEqual([]);
  });

  it('keeps its doc comments in the types', () => {
    const documented = built(/\.d\.ts$/).filter(file => file.text.includes('/**'));
    expect(documented).not.toEqual([]);
  });

  it('has no top-level await, so that require() can load it', () => {
    expect(
      built(/\.js$/)
        .filter(hasTopLevelAwait)
        .map(file => file.path),
    ).toEqual([]);
  });
});

describe('the checker', () => {
  it.each([
    ['const a = await b;', true],
    ['for await (const a of b) c(a);', true],
    ['if (a) { await b; }', true],
    ['async function a() { await b; }', false],
    ['const a = async () => { for await (const b of c) d(b); };', false],
    ['class A { async b() { await c; } }', false],
  ])('says whether "%s" awaits at top level', (text, expected) => {
    expect(hasTopLevelAwait(parseSource('a.js', text))).toBe(expected);
  });

  it.each([
    ['a.js', "import 'express';", 'express'],
    ['a.js', "export * from '@nestjs/testing';", '@nestjs/testing'],
    ['a.d.ts', "let a: import('multer').StorageEngine;", 'multer'],
    ['a.d.ts', '/// <reference types="multer" />\nexport {};', 'multer'],
  ])('finds in %s, holding %s, the undeclared package %s', (path, text, name) => {
    expect(undeclaredImportsOf([parseSource(path, text)])).toEqual([`${path} names ${name}`]);
  });
});

function built(pattern: RegExp): readonly SourceFile[] {
  return sourcesBelow(builtPackage(), pattern);
}

function hasDynamicImport(path: string): boolean {
  const { module } = parseSync(path, readFileSync(join(builtPackage(), path), 'utf8'));
  return module.dynamicImports.length > 0;
}

/** The first frame of a stack that is in a file of that name. */
function frameOf(stack: string, name: string): { readonly file: string; readonly line: number } {
  const frame = stack.split('\n').find(line => line.includes(`/${name}:`)) ?? '';
  const [, file = '', line = ''] = /\((.+?):(\d+):\d+\)$/.exec(frame) ?? [];
  return { file, line: Number(line) };
}

/** The files of the CommonJS build, with the entries that they stand for. */
function commonJsFiles(): readonly (readonly [string, string])[] {
  const { name, exports = {} } = manifestOf(ROOT);
  return Object.entries(exports).flatMap(([entry, target]) =>
    typeof target === 'string'
      ? []
      : [[`${name}${entry.slice(1)}`, target.require.default] as const],
  );
}

function undeclaredImportsOf(files: readonly SourceFile[]): readonly string[] {
  const { dependencies, peerDependencies } = manifestOf(ROOT);
  return importsBesides({ ...dependencies, ...peerDependencies }, files);
}

function importsBesides(
  packages: Readonly<Record<string, string>> = {},
  files: readonly SourceFile[],
): readonly string[] {
  const declared = new Set(Object.keys(packages));
  return files.flatMap(file =>
    [
      ...importsOf(file).map(({ specifier }) => specifier ?? 'something computed'),
      ...referencesOf(file),
    ]
      .filter(specifier => !specifier.startsWith('.') && !isBuiltin(specifier))
      .map(packageNameOf)
      .filter(name => !declared.has(name))
      .map(name => `${file.path} names ${name}`),
  );
}

/** The packages of `/// <reference types="…" />`, written for types that come from globals. */
function referencesOf(file: SourceFile): readonly string[] {
  return [...file.text.matchAll(/^\/\/\/\s*<reference types="([^"]+)"/gm)]
    .map(match => match[1] ?? '')
    .filter(name => name !== 'node');
}

function hasTopLevelAwait(file: SourceFile): boolean {
  const isFunction = (node: SyntaxNode) => /Function/.test(node.type);
  return withDescendants(file.program, isFunction).some(
    node =>
      node.type === 'AwaitExpression' || (node.type === 'ForOfStatement' && node['await'] === true),
  );
}
