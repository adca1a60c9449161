import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, beforeEach } from '@jest/globals';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import { startLabOn, type RunningLab } from '../sample-process.js';
import type { PickedFile } from './pictures.js';

/** Status and JSON body of a response. */
export interface JsonResponse {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A form issued by the lab. */
export interface HandedOutForm {
  readonly url: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly fileId: string;
  readonly expiresAt: string;
  readonly ticket: string;
}

/** The body of a confirmation. */
export interface PostedFile {
  readonly fileId: string;
  readonly ticket: string;
  readonly name: string;
}

/** The image lab within this process, on an emulator of its own: new for each test. */
export class LabServer {
  #emulator: WxCloudEmulator | undefined;
  #lab: RunningLab | undefined;
  #url = '';
  #sockets: Socket[] = [];
  #streams: ServerResponse[] = [];

  /** The lab's address. */
  get url(): string {
    return this.#url;
  }

  /** The lab's cloud. */
  get emulator(): WxCloudEmulator {
    if (this.#emulator === undefined) throw new Error('There is an emulator in tests only.');
    return this.#emulator;
  }

  /** Counts the bytes that the lab's server has received. */
  get receivedBytes(): number {
    return this.#sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
  }

  /** Counts the requested progress streams, and those that are open now. */
  get streams(): { readonly asked: number; readonly open: number } {
    const open = this.#streams.filter(response => !response.closed);
    return { asked: this.#streams.length, open: open.length };
  }

  async start(): Promise<void> {
    this.#emulator = await startWxCloudEmulator();
    const lab = await startLabOn(this.#emulator);
    this.#lab = lab;
    this.#url = await lab.getUrl();
    this.#sockets = [];
    this.#streams = [];
    const server = lab.getHttpServer() as Server;
    server.on('connection', (socket: Socket) => this.#sockets.push(socket));
    server.on('request', ({ url }: IncomingMessage, response: ServerResponse) => {
      if (url?.startsWith('/api/progress/')) this.#streams.push(response);
    });
  }

  /** Ends the lab; its cloud stays. */
  async close(): Promise<void> {
    await this.#lab?.close();
    this.#lab = undefined;
  }

  async stop(): Promise<void> {
    await this.close();
    await this.#emulator?.close();
  }

  /** Requests JSON. */
  async get(path: string): Promise<JsonResponse> {
    return readResponse(await fetch(`${this.#url}${path}`));
  }

  /** Sends JSON. */
  async post(path: string, body: unknown, signal?: AbortSignal): Promise<JsonResponse> {
    return this.postText(path, JSON.stringify(body), signal);
  }

  /** Sends a text as JSON, valid or not. */
  async postText(path: string, body: string, signal?: AbortSignal): Promise<JsonResponse> {
    const response = await fetch(`${this.#url}${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body,
      ...(signal && { signal }),
    });
    return readResponse(response);
  }

  /** Uploads a file through the application. */
  async upload(
    file: PickedFile,
    headers: Readonly<Record<string, string>> = {},
    signal?: AbortSignal,
  ): Promise<JsonResponse> {
    const form = new FormData();
    form.set('image', toBlob(file), file.name);
    const init = { method: 'POST', body: form, headers, ...(signal && { signal }) };
    return readResponse(await fetch(`${this.#url}/api/images`, init));
  }

  /** Uploads a file that the lab stores with keys of the bucket. */
  async uploadWithKeys(file: PickedFile): Promise<JsonResponse> {
    const body = new FormData();
    body.set('image', toBlob(file), file.name);
    return readResponse(await fetch(`${this.#url}/api/images/cos`, { method: 'POST', body }));
  }

  /** Requests a form. */
  async openDirectUpload({ mimeType }: PickedFile): Promise<HandedOutForm> {
    const { body } = await this.post('/api/direct-uploads', { contentType: mimeType });
    return body as unknown as HandedOutForm;
  }

  /** Requests a form, posts a file with it, and returns what confirms it. */
  async postDirectly(file: PickedFile): Promise<PostedFile> {
    const { fileId, ticket, ...form } = await this.openDirectUpload(file);
    await postWith(form, file);
    return { fileId, ticket, name: file.name };
  }

  /** Confirms that a form was posted. */
  async confirm(body: object): Promise<JsonResponse> {
    return this.post('/api/direct-uploads/confirm', body);
  }

  /** Deletes an image and returns the status. */
  async remove(query: string): Promise<number> {
    const response = await fetch(`${this.#url}/api/images?${query}`, { method: 'DELETE' });
    return response.status;
  }

  /** The file IDs of the gallery. */
  async listImages(): Promise<readonly unknown[]> {
    const response = await fetch(`${this.#url}/api/images`);
    const { images } = (await response.json()) as { images: { fileId: unknown }[] };
    return images.map(({ fileId }) => fileId);
  }
}

/** Starts and ends a lab with each test. */
export function useLabServer(): LabServer {
  const server = new LabServer();
  beforeEach(() => server.start());
  afterEach(() => server.stop());
  return server;
}

/** Posts a file as the page does. @throws {Error} when the cloud does not take it */
export async function postWith(
  { url, fields }: Pick<HandedOutForm, 'fields' | 'url'>,
  file: PickedFile,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  form.set('file', toBlob(file), file.name);
  const { status } = await fetch(url, { method: 'POST', body: form, headers });
  if (status >= 300) throw new Error(`The cloud answered ${status}.`);
}

async function readResponse(response: Response): Promise<JsonResponse> {
  return { status: response.status, body: (await response.json()) as JsonResponse['body'] };
}

function toBlob({ mimeType, buffer }: PickedFile): Blob {
  return new Blob([new Uint8Array(buffer)], { type: mimeType });
}
