import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';

/** Resolves with the first bytes of a response. */
export async function firstBytes(response: Promise<IncomingMessage>): Promise<void> {
  await once(await response, 'data');
}

/** Sends a GET on a connection of its own and cuts it at a time of the caller's choice. */
export async function getAndLeave(
  url: string,
  timeToLeave: (response: Promise<IncomingMessage>) => Promise<unknown>,
): Promise<void> {
  const request = get(url, { agent: false });
  request.on('error', () => {});
  const response = new Promise<IncomingMessage>(resolve => request.once('response', resolve));
  request.on('response', received => received.on('error', () => {}));
  await timeToLeave(response);
  const closed = new Promise<void>(resolve => request.once('close', resolve));
  request.destroy();
  await closed;
}
