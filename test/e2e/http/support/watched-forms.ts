import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import type { WxCloudEmulatorJournalEntry } from '../../../../lib/emulator/index.js';
import { afterThisTest } from '../../../support/after-test.js';

/** The event with which Node tells of every request to a server of this process. */
const REQUEST_START = 'http.server.request.start';

/** A form on its way to the storage. */
interface WatchedForm {
  /** Number of bytes that have arrived. */
  readonly arrivedBytes: () => number;
  /** True once its connection is closed. */
  readonly isCut: () => boolean;
}

/** Watches the forms that the emulator with this address gets, until the test has ended. */
export function watchForms(url: string): readonly WatchedForm[] {
  const forms: WatchedForm[] = [];
  const { port } = new URL(url);
  const onStart = (message: unknown): void => {
    const { request } = message as { readonly request: IncomingMessage };
    const { socket, headers } = request;
    if (socket.localPort !== Number(port)) return;
    if (headers['content-type']?.startsWith('multipart/') !== true) return;
    let arrivedBytes = 0;
    const push = request.push.bind(request);
    request.push = (chunk: Buffer | null) => {
      arrivedBytes += chunk?.byteLength ?? 0;
      return push(chunk);
    };
    forms.push({ arrivedBytes: () => arrivedBytes, isCut: () => socket.destroyed });
  };
  subscribe(REQUEST_START, onStart);
  afterThisTest(() => unsubscribe(REQUEST_START, onStart));
  return forms;
}

/** True for a request that has stored an object. */
export function isStoring({ operation, status }: WxCloudEmulatorJournalEntry): boolean {
  return operation === 'post-object' && status === 204;
}
