import { describe, expect, it } from '@jest/globals';
import busboy from 'busboy';
import * as fc from 'fast-check';
import { Response } from 'undici';
import { toFileName } from '../../../lib/errors/client-text.js';
import { completeLimits } from '../../../lib/http/upload/upload-options.js';
import { FormReader } from '../../../lib/multipart/form-reader.js';
import { readBoundary } from '../../../lib/multipart/part-headers.js';
import type { FormFields } from '../../../lib/multipart/text-fields.js';
import {
  contentTypeOf,
  cutAt,
  cuts,
  forms,
  type WrittenForm,
} from '../../support/hostile-forms/arbitrary-forms.js';
import { checkProperty } from '../../support/properties.js';

const LIMITS = { ...completeLimits(), fieldNameSize: 1_000 };

/** The content of a form, in the order of its files and texts. */
interface Reading {
  readonly texts: readonly (readonly [name: string, text: string])[];
  readonly files: readonly (readonly [name: string, fileName: string, content: string])[];
}

function readForm(boundary: string, writes: readonly Buffer[]): Reading {
  const body = Object.create(null) as FormFields;
  const files: [string, string, string][] = [];
  const onFile = ({ fieldname, originalname }: { fieldname: string; originalname: string }) => {
    const file: [string, string, string] = [fieldname, originalname, ''];
    files.push(file);
    return {
      add: (bytes: Buffer) => void (file[2] += bytes.toString('latin1')),
      end: () => {},
      fail: () => {},
    };
  };
  const reader = new FormReader({ boundary, limits: LIMITS, body, onFile });
  for (const bytes of writes) reader.write(bytes);
  reader.end();
  return { texts: textsOf(body), files };
}

/** A field that is sent several times is a list. */
function textsOf(body: FormFields): Reading['texts'] {
  return Object.entries(body).flatMap(([name, value]) =>
    [value].flat().map(text => [name, String(text)] as const),
  );
}

/** Groups the texts of a name, as a body does. */
function grouped(texts: Reading['texts']): Reading['texts'] {
  const body = Object.create(null) as Record<string, string[]>;
  for (const [name, text] of texts) (body[name] ??= []).push(text);
  return textsOf(body);
}

function expectedOf({ parts }: WrittenForm): Reading {
  const texts = parts.filter(({ fileName }) => fileName === undefined);
  const files = parts.filter(({ fileName }) => fileName !== undefined);
  return {
    texts: grouped(texts.map(({ name, content }) => [name, content.toString('utf8')])),
    files: files.map(({ name, fileName, content }) => [
      name,
      toFileName(String(fileName)),
      content.toString('latin1'),
    ]),
  };
}

function readByBusboy(contentType: string, body: Buffer): Promise<Reading> {
  return new Promise((resolve, reject) => {
    const texts: [string, string][] = [];
    const files: [string, string, string][] = [];
    const parser = busboy({ headers: { 'content-type': contentType }, defParamCharset: 'utf8' });
    parser.on('field', (name: string, text: string) => texts.push([name, text]));
    parser.on('file', (name: string, stream: NodeJS.ReadableStream, info: { filename: string }) => {
      const file: [string, string, string] = [name, toFileName(info.filename), ''];
      files.push(file);
      stream.on('data', (bytes: Buffer) => void (file[2] += bytes.toString('latin1')));
    });
    parser.on('error', reject);
    parser.on('close', () => resolve({ texts: grouped(texts), files }));
    parser.end(body);
  });
}

async function readByUndici(contentType: string, body: Buffer): Promise<Reading> {
  const response = new Response(body, { headers: { 'content-type': contentType } });
  const entries = [...(await response.formData())];
  const texts = entries.flatMap(([name, value]) =>
    typeof value === 'string' ? [[name, value] as const] : [],
  );
  const files = entries.flatMap(([name, value]) =>
    typeof value === 'string' ? [] : [{ name, value }],
  );
  const read = files.map(async ({ name, value }) => {
    const content = Buffer.from(await value.arrayBuffer()).toString('latin1');
    return [name, toFileName(value.name), content] as const;
  });
  return { texts: grouped(texts), files: await Promise.all(read) };
}

/** The reading as a text, or the refusal. */
async function outcomeOf(reading: () => Reading | Promise<Reading>): Promise<string> {
  return Promise.resolve()
    .then(reading)
    .then(JSON.stringify, (error: unknown) => `refused: ${String(error)}`);
}

/** Names that lead nowhere in a body are refused; names that another parser trims are left out. */
const readable = forms.filter(({ parts }) =>
  parts.every(({ name }) => !['__proto__', 'constructor', 'prototype'].includes(name)),
);

describe('FormReader', () => {
  it('reads a form as it was written, however it is split', () =>
    checkProperty(
      fc.property(readable, cuts, (form, places) => {
        const boundary = readBoundary(contentTypeOf(form));
        expect(boundary).toBe(form.boundary);
        expect(readForm(boundary, cutAt(form.body, places))).toEqual(expectedOf(form));
      }),
      300,
    ));

  it('reads a form as busboy and undici do, where they agree', () =>
    checkProperty(
      fc.asyncProperty(readable, async form => {
        const contentType = contentTypeOf(form);
        const theirs = await outcomeOf(() => readByBusboy(contentType, form.body));
        const others = await outcomeOf(() => readByUndici(contentType, form.body));
        fc.pre(theirs === others);
        const ours = await outcomeOf(() => readForm(form.boundary, [form.body]));
        expect(ours).toBe(theirs);
      }),
    ));

  it('treats a damaged form alike however it is split, failing only with a typed error', () => {
    const change = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      removed: fc.nat(20),
      added: fc.oneof(
        fc.constantFrom('\r\n', '--', ';', '"', ':', '\n', '\r', '\0', '\\'),
        fc.string({ maxLength: 5 }),
      ),
    });
    return checkProperty(
      fc.asyncProperty(
        forms,
        fc.array(change, { maxLength: 4 }),
        cuts,
        async (form, changes, at) => {
          const body = changes.reduce((bytes, { at: place, removed, added }) => {
            const start = Math.floor(place * bytes.byteLength);
            return Buffer.concat([
              bytes.subarray(0, start),
              Buffer.from(added),
              bytes.subarray(start + removed),
            ]);
          }, form.body);
          const once = await outcomeOf(() => readForm(form.boundary, [body]));
          expect(await outcomeOf(() => readForm(form.boundary, cutAt(body, at)))).toBe(once);
          expect(once).toMatch(/^\{|^refused: WxCloudStorageError: The form is refused: /);
        },
      ),
      300,
    );
  });

  it('fails only with a typed error for any bytes', () =>
    checkProperty(
      fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), async bytes => {
        const body = Buffer.concat([Buffer.from('--b\r\n'), bytes]);
        expect(await outcomeOf(() => readForm('b', [body]))).toMatch(
          /^\{|^refused: WxCloudStorageError: The form is refused: /,
        );
      }),
    ));
});
