import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { ROOT, sourcesBelow } from './support/files.js';
import {
  cyclesOf,
  deadImportsOf,
  type ImportTable,
  rowOf,
  violationsOf,
} from './support/import-rules.js';
import { importsOf } from './support/imports.js';
import { parseSource } from './support/syntax-tree.js';
import { sharedTypeNamesOf } from './support/type-names.js';

const BELOW_STORAGE = [
  'errors',
  'diagnostics.ts',
  'options',
  'file-id',
  'operations',
  'body',
  'transport',
  'wechat',
];

/** The import table of docs/architecture.md. `node:*` and the own row are open to all. */
const TABLE: ImportTable = {
  errors: { folders: [], packages: [] },
  'diagnostics.ts': { folders: ['errors'], packages: [] },
  options: {
    folders: ['errors'],
    files: ['pending/pending-file-store.ts'],
    packages: [],
    typesOnly: ['pending/pending-file-store.ts'],
  },
  'file-id': { folders: ['errors'], packages: [] },
  operations: { folders: ['errors', 'options'], packages: [] },
  body: { folders: ['errors', 'options'], packages: ['file-type'] },
  multipart: { folders: ['errors', 'options', 'operations', 'body'], packages: [] },
  transport: {
    folders: ['errors', 'diagnostics.ts', 'options', 'operations'],
    packages: ['undici'],
  },
  wechat: {
    folders: ['errors', 'diagnostics.ts', 'options', 'file-id', 'operations', 'transport'],
    packages: [],
  },
  pending: { folders: ['errors', 'diagnostics.ts', 'operations'], packages: [] },
  replicas: { folders: ['errors', 'diagnostics.ts', 'options'], packages: [] },
  'storage/cos': { folders: BELOW_STORAGE, packages: [] },
  storage: { folders: [...BELOW_STORAGE, 'pending', 'replicas', 'storage/cos'], packages: [] },
  http: {
    folders: [
      'errors',
      'diagnostics.ts',
      'options',
      'file-id',
      'operations',
      'body',
      'multipart',
      'replicas',
      'storage',
    ],
    packages: ['@nestjs/*', 'rxjs', 'multer'],
    typesOnly: ['multer'],
  },
  '.': {
    folders: [...BELOW_STORAGE, 'pending', 'storage', 'http'],
    packages: ['@nestjs/common', 'rxjs'],
  },
  opentelemetry: { folders: [], packages: ['@opentelemetry/api'] },
  redis: { folders: ['errors', 'options', 'pending'], packages: ['@nestjs/common'] },
  swagger: {
    folders: [],
    files: ['index.ts'],
    packages: ['@nestjs/common', '@nestjs/swagger'],
  },
  terminus: {
    folders: [],
    files: ['index.ts'],
    packages: ['@nestjs/common', '@nestjs/core', '@nestjs/terminus'],
  },
  testing: {
    folders: [],
    files: ['options/options.ts', 'pending/pending-file-store.ts'],
    packages: [],
    typesOnly: ['options/options.ts', 'pending/pending-file-store.ts'],
  },
  cli: {
    folders: [],
    files: ['index.ts', 'emulator/index.ts'],
    packages: ['@nestjs/common', '@nestjs/core'],
    typesOnly: ['@nestjs/common'],
  },
  emulator: { folders: ['emulator/server', 'emulator/state'], packages: [] },
  'emulator/server': { folders: ['emulator/endpoints', 'emulator/state'], packages: [] },
  'emulator/endpoints': {
    folders: ['emulator/state'],
    files: ['wechat/endpoints.ts'],
    packages: [],
    typesOnly: ['wechat/endpoints.ts'],
  },
  'emulator/state': { folders: [], packages: [] },
};

/** The TypeScript of a sample, not what is installed or built in its folder. */
const SAMPLE_SOURCE = /^[^/]+\/(?!(node_modules|dist)\/).*(?<!\.d)\.ts$/;

const files = sourcesBelow(join(ROOT, 'lib'), /\.ts$/);

describe('lib', () => {
  it('has the folders of the table, and no other', () => {
    const rows = files.map(file => rowOf(file.path, TABLE));
    expect([...new Set(rows)].toSorted()).toEqual(Object.keys(TABLE).toSorted());
  });

  it('imports only what the table allows', () => {
    expect(violationsOf(files, TABLE)).toEqual([]);
  });

  it('imports only files that exist', () => {
    expect(deadImportsOf(files)).toEqual([]);
  });

  it('has no circle of imports', () => {
    expect(cyclesOf(files)).toEqual([]);
  });

  it('has no two types or classes of one name', () => {
    expect(sharedTypeNamesOf(files)).toEqual([]);
  });

  it('has no utils', () => {
    expect(files.map(file => file.path).filter(path => /(^|[/.-])utils?\b/.test(path))).toEqual([]);
  });
});

describe('sample', () => {
  it('imports the package by name, never by path', () => {
    const sources = sourcesBelow(join(ROOT, 'sample'), SAMPLE_SOURCE);
    const specifiers = sources.flatMap(importsOf).map(imported => imported.specifier);
    expect(specifiers).toContain('nestjs-wx-cloud-storage');
    expect(specifiers).not.toContainEqual(expect.stringMatching(/(^|\/)(lib|dist)\//));
  });
});

describe('the checker', () => {
  it.each([
    ['errors/a.ts', "import { b } from '../options/b.js';"],
    ['errors/a.ts', "import type { B } from '../options/b.js';"],
    ['storage/a.ts', "export * from 'undici';"],
    ['storage/a.ts', "export type { Agent } from 'undici';"],
    ['body/a.ts', "const client = await import('undici');"],
    ['body/a.ts', "const client = require('undici');"],
    ['body/a.ts', "let agent: import('undici').Agent;"],
    ['body/a.ts', 'const anything = await import(name);'],
    ['wechat/tokens/a.ts', "import fs from 'fs';"],
    ['file-id/a.ts', "import { Inject } from '@nestjs/common';"],
    ['index.ts', "import { Controller } from '@nestjs/core';"],
    ['index.ts', "export * from './emulator/index.js';"],
    ['http/a.ts', "import { Module } from '../wx-cloud-storage.module.js';"],
    ['http/a.ts', "import { Service } from '../wx-cloud-storage.service.js';"],
    ['diagnostics.ts', "import { Module } from './wx-cloud-storage.module.js';"],
    ['storage/cos/a.ts', "import { b } from '../upload.js';"],
    ['http/upload/a.ts', "import { b } from '../../wechat/b.js';"],
    ['http/a.ts', "import multer from 'multer';"],
    ['emulator/endpoints/a.ts', "import { decode } from '../../wechat/endpoints.js';"],
    ['emulator/endpoints/a.ts', "import { type B, decode } from '../../wechat/endpoints.js';"],
    ['emulator/endpoints/a.ts', "import type { B } from '../../wechat/api-errors.js';"],
    ['emulator/endpoints/a.ts', "import { b } from '../server/b.js';"],
    ['emulator/state/a.ts', "import type { B } from '../endpoints/b.js';"],
    ['emulator/a.ts', "export * from '../errors/errors.js';"],
    ['helpers/a.ts', 'export {};'],
  ])('refuses in %s: %s', (path, text) => {
    expect(violationsOf([parseSource(path, text)], TABLE)).toHaveLength(1);
  });

  it.each([
    ['errors/a.ts', "import { b } from './b.js'; import { inspect } from 'node:util';"],
    ['transport/a.ts', "import { Agent } from 'undici';"],
    ['errors/a.ts', "import { b } from './deep/b.js';"],
    ['transport/a.ts', "import { publishOutcome } from '../diagnostics.js';"],
    ['storage/a.ts', "import { b } from './cos/b.js';"],
    ['http/a.ts', "import type { StorageEngine } from 'multer';"],
    ['http/a.ts', "const express = await import('@nestjs/platform-express');"],
    ['emulator/endpoints/a.ts', "import type { B } from '../../wechat/endpoints.js';"],
    ['emulator/endpoints/a.ts', "import { type B, type C } from '../../wechat/endpoints.js';"],
    ['index.ts', "export { Fault } from './errors/errors.js';"],
  ])('accepts in %s: %s', (path, text) => {
    expect(violationsOf([parseSource(path, text)], TABLE)).toEqual([]);
  });

  it.each([
    ['a type and an interface', 'type A = 1;', 'interface A { b: 1 }'],
    ['exported classes', 'export class A {}', 'export abstract class A {}'],
    ['types inside of functions', 'export interface A {}', 'function a() { type A = 1; }'],
  ])('finds %s of one name', (_what, one, other) => {
    const both = [parseSource('a.ts', one), parseSource('b/a.ts', other)];
    expect(sharedTypeNamesOf(both)).toEqual(['A: a.ts, b/a.ts']);
  });

  it('takes no names of type parameters, overloads or parts of one file for two types', () => {
    const both = [
      parseSource('a.ts', 'interface A<T> {}\ninterface A<T> {}'),
      parseSource('b.ts', "import { A } from './a.js';\nexport type B<T> = A<T>;"),
    ];
    expect(sharedTypeNamesOf(both)).toEqual([]);
  });

  it('finds circles, types included, and dead imports', () => {
    const circle = [
      parseSource('wechat/a.ts', "import type { B } from './b.js';"),
      parseSource('wechat/b.ts', "export * from './c.js';"),
      parseSource('wechat/c.ts', "import('./a.js'); import './gone.js';"),
    ];
    expect(cyclesOf(circle)).toEqual(['wechat/a.ts → wechat/b.ts → wechat/c.ts → wechat/a.ts']);
    expect(deadImportsOf(circle)).toEqual(['wechat/c.ts: wechat/gone.ts does not exist']);
  });
});
