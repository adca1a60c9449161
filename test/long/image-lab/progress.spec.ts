import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { useLabServer, type LabServer } from '../../support/image-lab/lab-server.js';
import { makeImage } from '../../support/image-lab/pictures.js';

const lab = useLabServer();

/** Opens the route as an `EventSource` does; all events, when it has ended. */
async function watch({ url }: LabServer, id: string): Promise<() => Promise<readonly unknown[]>> {
  const response = await fetch(`${url}/api/progress/${id}`);
  return async () => {
    const lines = (await response.text()).split('\n').filter(line => line.startsWith('data: '));
    return lines.map(line => JSON.parse(line.slice('data: '.length)) as unknown);
  };
}

/** Reads a stream until a text has come, and gives up the rest. */
async function readUntil({ body }: Response, wanted: string): Promise<string> {
  let seen = '';
  for await (const chunk of body ?? []) {
    seen += Buffer.from(chunk as Uint8Array).toString();
    if (seen.includes(wanted)) break;
  }
  return seen;
}

describe('the progress of an upload to the image lab', () => {
  it('is sent to every client with its ID, until it is stored', async () => {
    const id = randomUUID();
    const image = await makeImage('png', 'a.png', 2_000);
    const readEvents = await watch(lab, id);

    await lab.upload(image, { 'X-Upload-Id': id });

    const events = await readEvents();
    const size = image.buffer.length;
    expect(events.at(-1)).toEqual({ type: 'end', outcome: 'stored' });
    expect(events.at(-2)).toEqual({
      type: 'progress',
      index: 0,
      fieldname: 'image',
      transferredBytes: size,
      totalBytes: size,
    });
    expect(events.length).toBeGreaterThan(2);
  });

  it('arrives event by event, even where other responses are compressed', async () => {
    const id = randomUUID();
    lab.emulator.faults.add({ operation: 'post-object', effect: { kind: 'hang', at: 'answer' } });
    const client = new AbortController();
    const response = await fetch(`${lab.url}/api/progress/${id}`, {
      headers: { 'Accept-Encoding': 'br, gzip' },
    });

    const image = await makeImage('png', 'a.png', 2_000);
    const upload = lab.upload(image, { 'X-Upload-Id': id }, client.signal).catch(() => undefined);
    const seen = await readUntil(response, '"type":"progress"');
    client.abort();
    await upload;

    expect(response.headers.get('content-encoding')).toBeNull();
    expect(seen).not.toContain('"end"');
  });

  it('ends with a failure when the file is rejected', async () => {
    const id = randomUUID();
    const { buffer, ...file } = await makeImage('png', 'a.png');
    const readEvents = await watch(lab, id);

    await lab.upload({ ...file, buffer: buffer.subarray(0, 9_000) }, { 'X-Upload-Id': id });

    expect((await readEvents()).at(-1)).toEqual({ type: 'end', outcome: 'failed' });
  });

  it('requires an unguessable ID', async () => {
    const response = await fetch(`${lab.url}/api/progress/7`);
    const upload = await lab.upload(await makeImage('png', 'a.png'), { 'X-Upload-Id': '7' });

    expect(response.status).toBe(400);
    expect([upload.status, upload.body['errorCode']]).toEqual([400, 'WX_CLOUD_FORM_INVALID']);
    expect(lab.emulator.objects).toEqual([]);
  });
});
