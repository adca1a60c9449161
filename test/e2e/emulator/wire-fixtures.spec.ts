import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import { callApi, fetchLink, fieldsOf, postForm, store } from './support/cloud-client.js';
import { send, sendJson } from './support/raw-http.js';

const FOLDER = join(process.cwd(), 'test/fixtures/wire');

interface Fixture {
  readonly source: string;
  readonly request: { readonly path: string };
  readonly reply: Record<string, unknown>;
}

let emulator: WxCloudEmulator;
beforeAll(async () => {
  emulator = await startWxCloudEmulator();
});
afterAll(() => emulator.close());

const read = (name: string): Promise<string> => readFile(join(FOLDER, name), 'utf8');
const fixture = async (name: string): Promise<Fixture> =>
  JSON.parse(await read(`${name}.json`)) as Fixture;

/** Replaces every value by its type, and a list by the shape of its first item. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return [shapeOf(value[0])];
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shapeOf(member)]));
}

const elementsOf = (xml: string): string[] =>
  [...xml.matchAll(/<(\w+)>/g)].map(([, name]) => name ?? '');

describe('the emulator and the documented samples', () => {
  it('agree on the classic token', async () => {
    const { appid, secret } = emulator.options;
    const { request, reply } = await fixture('token');
    const query = new URLSearchParams({ grant_type: 'client_credential', appid, secret });
    const response = await send(`${emulator.url}${request.path}?${query}`);
    expect(shapeOf(JSON.parse(response.text))).toEqual(shapeOf(reply));
  });

  it('agree on the stable token', async () => {
    const { appid, secret } = emulator.options;
    const { request, reply } = await fixture('stable-token');
    const body = { grant_type: 'client_credential', appid, secret, force_refresh: false };
    expect(shapeOf(await sendJson(emulator.url + request.path, body))).toEqual(shapeOf(reply));
  });

  it('agree on an error', async () => {
    const { request, reply } = await fixture('api-error');
    const query = 'grant_type=client_credential&appid=wx-not-an-appid&secret=0';
    const response = JSON.parse((await send(`${emulator.url}${request.path}?${query}`)).text) as {
      errcode: number;
      errmsg: string;
    };
    expect(shapeOf(response)).toEqual(shapeOf(reply));
    expect(response.errcode).toBe(reply['errcode']);
    expect(response.errmsg).toMatch(/^invalid appid rid: [\da-f]{8}(-[\da-f]{8}){2}$/);
  });

  it('agree on the upload link', async () => {
    const { request, reply } = await fixture('upload-link');
    const response = await callApi(emulator, request.path, { path: 'web/test.zip' });
    expect(shapeOf(response)).toEqual(shapeOf(reply));
    const parameters = (text: unknown): string[] => [...new URLSearchParams(String(text)).keys()];
    expect(parameters(response['authorization'])).toEqual(parameters(reply['authorization']));
  });

  it.each(['download-links', 'download-links-missing'])('agree on %s', async name => {
    await store(emulator, 'web/test.zip', 'content');
    const { request, reply } = await fixture(name);
    const [item] = reply['file_list'] as [{ fileid: string; status: number; errmsg: string }];
    const fileid = `cloud://${emulator.env}.${emulator.bucket}/${item.fileid.split('/').slice(3).join('/')}`;
    const response = await callApi(emulator, request.path, {
      file_list: [{ fileid, max_age: 60 }],
    });
    expect(shapeOf(response)).toEqual(shapeOf(reply));
    expect(response['file_list']).toMatchObject([
      { fileid, status: item.status, errmsg: item.errmsg },
    ]);
  });

  it('agree on deletes', async () => {
    const fileId = await store(emulator, 'web/delete.zip', 'content');
    const { request, reply } = await fixture('delete-files');
    const response = await callApi(emulator, request.path, { fileid_list: [fileId] });
    expect(shapeOf(response)).toEqual(shapeOf(reply));
    expect(response['delete_list']).toEqual([{ fileid: fileId, status: 0, errmsg: 'ok' }]);
  });

  it('agree on the form upload, its fields in order and its response', async () => {
    const sample = JSON.parse(await read('post-object.json')) as {
      request: { fields: Record<string, string> };
      reply: { status: number; headers: Record<string, string> };
    };
    const link = await fetchLink(emulator, 'web/form.zip');
    const values = {
      ...Object.fromEntries(fieldsOf(link)),
      'Content-Type': 'application/zip',
      file: 'x',
    };
    const parts = Object.keys(sample.request.fields).map(
      name => [name, values[name as keyof typeof values]] as const,
    );
    const response = await postForm(link.url, parts);
    expect(response.status).toBe(sample.reply.status);
    const names = Object.keys(sample.reply.headers).map(name => name.toLowerCase());
    expect(Object.keys(response.headers)).toEqual(expect.arrayContaining(names));
    expect(response.headers.etag).toMatch(/^"[\da-f]{32}"$/);
  });

  it('agree on the document of a form upload that asks for 201', async () => {
    const link = await fetchLink(emulator, 'web/201.zip');
    const parts = [...fieldsOf(link), ['success_action_status', '201'], ['file', 'x']] as const;
    const response = await postForm(link.url, parts);
    expect(response.status).toBe(201);
    expect(elementsOf(response.text)).toEqual(elementsOf(await read('post-object-201.xml')));
  });

  it("agree on the storage's error document", async () => {
    const response = await send(`${emulator.url}/download/${emulator.bucket}/none.zip`);
    expect(response.headers['content-type']).toBe('application/xml');
    expect(elementsOf(response.text)).toEqual(elementsOf(await read('cos-error.xml')));
  });
});
