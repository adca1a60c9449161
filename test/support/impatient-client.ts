import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** Sends a GET on a connection of its own and cuts it after some milliseconds, response or not. */
export async function getAndLeave(url: string, afterMs: number): Promise<void> {
  const request = get(url, { agent: false });
  request.on('error', () => {});
  request.on('response', response => response.on('error', () => {}));
  await delay(afterMs);
  const closed = new Promise<void>(resolve => request.once('close', resolve));
  request.destroy();
  await closed;
}
