import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { ROOT, sourcesBelow } from './support/files.js';
import {
  cyclesOf,
  deadImportsOf,
  folderOf,
  type ImportTable,
  violationsOf,
} from './support/import-rules.js';
import { importsOf } from './support/imports.js';
import { parseSource } from './support/syntax-tree.js';

const CORE = [
  'errors',
  'diagnostics',
  'file-id',
  'wire',
  'options',
  'transport',
  'credentials',
  'body',
];

/** The table "Where code lives" of docs/architecture.md. `node:*` and the own folder are open to all. */
const TABLE: ImportTable = {
  errors: { folders: [], packages: [] },
  diagnostics: { folders: ['errors'], packages: [] },
  'file-id': { folders: ['errors'], packages: [] },
  wire: { folders: ['errors'], packages: [] },
  options: { folders: ['errors'], packages: [] },
  transport: { folders: ['errors', 'diagnostics', 'options'], packages: ['undici'] },
  credentials: {
    folders: ['errors', 'diagnostics', 'options', 'transport', 'wire'],
    packages: [],
  },
  body: { folders: ['errors', 'options'], packages: ['file-type'] },
  form: { folders: ['errors', 'options', 'body'], packages: [] },
  storage: { folders: CORE, packages: [] },
  http: {
    folders: [...CORE, 'form', 'storage'],
    files: ['wx-cloud-file.ts'],
    packages: ['@nestjs/*', 'rxjs', 'multer'],
    typesOnly: ['multer'],
  },
  '.': { folders: [...CORE, 'storage', 'http'], packages: ['@nestjs/common', 'rxjs'] },
  redis: { folders: ['errors', 'options'], packages: ['@nestjs/common'] },
  swagger: {
    folders: [],
    files: ['index.ts'],
    packages: ['@nestjs/common', '@nestjs/swagger'],
  },
  cli: {
    folders: [],
    files: ['index.ts', 'emulator/index.ts'],
    packages: ['@nestjs/common', '@nestjs/core'],
    typesOnly: ['@nestjs/common'],
  },
  emulator: { folders: ['wire'], packages: [], typesOnly: ['wire'] },
};

/** The TypeScript of a sample, not what is installed or built in its folder. */
const SAMPLE_SOURCE = /^[^/]+\/(?!(node_modules|dist)\/).*(?<!\.d)\.ts$/;

const files = sourcesBelow(join(ROOT, 'lib'), /\.ts$/);

describe('lib', () => {
  it('has the folders of the table, and no other', () => {
    const folders = files.map(file => folderOf(file.path));
    expect([...new Set(folders)].toSorted()).toEqual(Object.keys(TABLE).toSorted());
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
    ['errors/a.ts', "import { b } from '../wire/b.js';"],
    ['errors/a.ts', "import type { B } from '../wire/b.js';"],
    ['storage/a.ts', "export * from 'undici';"],
    ['storage/a.ts', "export type { Agent } from 'undici';"],
    ['body/a.ts', "const client = await import('undici');"],
    ['body/a.ts', "const client = require('undici');"],
    ['body/a.ts', "let agent: import('undici').Agent;"],
    ['body/a.ts', 'const anything = await import(name);'],
    ['wire/a.ts', "import fs from 'fs';"],
    ['file-id/a.ts', "import { Inject } from '@nestjs/common';"],
    ['index.ts', "import { Controller } from '@nestjs/core';"],
    ['index.ts', "export * from './emulator/index.js';"],
    ['http/a.ts', "import { Module } from '../wx-cloud-storage.module.js';"],
    ['http/a.ts', "import { Service } from '../wx-cloud-storage.service.js';"],
    ['http/a.ts', "import multer from 'multer';"],
    ['emulator/a.ts', "import { decode } from '../wire/b.js';"],
    ['emulator/a.ts', "import { type B, decode } from '../wire/b.js';"],
    ['emulator/a.ts', "export * from '../errors/index.js';"],
    ['helpers/a.ts', 'export {};'],
  ])('refuses in %s: %s', (path, text) => {
    expect(violationsOf([parseSource(path, text)], TABLE)).toHaveLength(1);
  });

  it.each([
    ['errors/a.ts', "import { b } from './b.js'; import { inspect } from 'node:util';"],
    ['transport/a.ts', "import { Agent } from 'undici';"],
    ['http/a.ts', "import { WxCloudFile } from '../wx-cloud-file.js';"],
    ['http/a.ts', "import type { StorageEngine } from 'multer';"],
    ['http/a.ts', "const express = await import('@nestjs/platform-express');"],
    ['emulator/a.ts', "import type { B } from '../wire/b.js';"],
    ['emulator/a.ts', "import { type B, type C } from '../wire/b.js';"],
    ['index.ts', "export { Fault } from './errors/index.js';"],
  ])('accepts in %s: %s', (path, text) => {
    expect(violationsOf([parseSource(path, text)], TABLE)).toEqual([]);
  });

  it('finds circles, types included, and dead imports', () => {
    const circle = [
      parseSource('wire/a.ts', "import type { B } from './b.js';"),
      parseSource('wire/b.ts', "export * from './c.js';"),
      parseSource('wire/c.ts', "import('./a.js'); import './gone.js';"),
    ];
    expect(cyclesOf(circle)).toEqual(['wire/a.ts → wire/b.ts → wire/c.ts → wire/a.ts']);
    expect(deadImportsOf(circle)).toEqual(['wire/c.ts: wire/gone.ts does not exist']);
  });
});
