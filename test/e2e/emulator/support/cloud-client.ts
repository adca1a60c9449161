import type { WxCloudEmulator } from '../../../../lib/emulator/index.js';
import { send, sendJson, type RawResponse } from './raw-http.js';

type Target = Pick<WxCloudEmulator, 'url' | 'options'>;
type Json = Record<string, unknown>;

/** The response of `/tcb/uploadfile`. */
export interface Link {
  readonly url: string;
  readonly token: string;
  readonly authorization: string;
  readonly file_id: string;
  readonly cos_file_id: string;
}

/** One part of a form. */
export type Part = readonly [name: string, value: string | Buffer];

/** Requests a stable token. */
export async function fetchToken({ url, options }: Target, more: Json = {}): Promise<string> {
  const { appid, secret } = options;
  const grant = { grant_type: 'client_credential', appid, secret, ...more };
  return String((await sendJson(`${url}/cgi-bin/stable_token`, grant))['access_token']);
}

/** Calls a file API with a fresh token, unless one is given. */
export async function callApi(
  target: Target,
  path: string,
  body: Json & { token?: string },
): Promise<Json> {
  const { token = await fetchToken(target), ...rest } = body;
  const request = { env: target.options.env, ...rest };
  return sendJson(`${target.url}${path}?access_token=${token}`, request);
}

/** Requests an upload link. */
export async function fetchLink(target: Target, path: string): Promise<Link> {
  return (await callApi(target, '/tcb/uploadfile', { path })) as unknown as Link;
}

/** The fields that belong to a link, in order, without the file. */
export function fieldsOf(link: Link): readonly Part[] {
  return [
    ['key', link.file_id.split('/').slice(3).join('/')],
    ['Signature', link.authorization],
    ['x-cos-security-token', link.token],
    ['x-cos-meta-fileid', link.cos_file_id],
  ];
}

/** The bytes of a form. */
export function formOf(parts: readonly Part[], boundary = 'b0undary'): Buffer {
  const chunks = parts.flatMap(([name, value]) => [
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"`),
    Buffer.from(name === 'file' ? '; filename="f"\r\nContent-Type: image/png\r\n\r\n' : '\r\n\r\n'),
    Buffer.from(value as string),
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]);
}

/** The headers of a form. */
export function formHeaders(form: Buffer): Record<string, string> {
  return {
    'Content-Type': 'multipart/form-data; boundary=b0undary',
    'Content-Length': String(form.byteLength),
  };
}

/** Posts a form. */
export function postForm(url: string, parts: readonly Part[]): Promise<RawResponse> {
  const form = formOf(parts);
  return send(url, { method: 'POST', headers: formHeaders(form), body: form });
}

/** Stores an object and returns its file ID. */
export async function store(
  target: Target,
  path: string,
  content: string | Buffer,
): Promise<string> {
  const link = await fetchLink(target, path);
  await postForm(link.url, [...fieldsOf(link), ['file', content]]);
  return link.file_id;
}

/** Requests the item of one file. */
export async function fetchDownloadItem(
  target: Target,
  fileid: string,
  max_age = 60,
): Promise<Json> {
  const file_list = [{ fileid, max_age }];
  const reply = await callApi(target, '/tcb/batchdownloadfile', { file_list });
  return (reply['file_list'] as Json[])[0] ?? {};
}

/** Stores an object and returns a link to it. */
export async function storeAndLink(
  target: Target,
  path: string,
  content: string | Buffer,
): Promise<string> {
  const item = await fetchDownloadItem(target, await store(target, path, content));
  return String(item['download_url']);
}

/** Deletes files and returns an item for each. */
export async function deleteFiles(target: Target, fileid_list: readonly string[]): Promise<Json[]> {
  return (await callApi(target, '/tcb/batchdeletefile', { fileid_list }))['delete_list'] as Json[];
}
