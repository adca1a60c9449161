import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { until } from '../support/until.js';
import { useLabServer } from '../support/image-lab/lab-server.js';
import { makeImage } from '../support/image-lab/pictures.js';

const lab = useLabServer();

describe('waiting operations', () => {
  it('hold no image and are rejected beyond 30', async () => {
    const uploaded = await lab.upload(await makeImage('png', 'a.png', 40));
    const call = { fileId: uploaded.body['fileId'], operation: 'grayscale' };
    const clients = [new AbortController(), new AbortController()];
    lab.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'hang', at: 'request' },
      times: 2,
    });
    const reads = () =>
      lab.emulator.journal.filter(entry => entry.operation === 'get-object').length;
    const readsBefore = reads();

    const running = Promise.allSettled(
      clients.map(({ signal }) => lab.post('/api/operations', call, signal)),
    );
    await until(() => reads() === readsBefore + 2, 'two operations');
    let refused = 0;
    const waiting = Array.from({ length: 40 }, async () => {
      const response = await lab.post('/api/operations', call);
      refused += Number(response.status === 503);
      return response;
    });
    await until(() => refused === 10, 'ten refusals');
    expect(reads()).toBe(readsBefore + 2);

    for (const client of clients) client.abort();
    const responses = await Promise.all(waiting);
    await running;
    expect(responses.filter(({ body }) => body['errorCode'] === 'LAB_BUSY')).toHaveLength(10);
    expect(responses.filter(({ status }) => status === 201)).toHaveLength(30);
  });
});

describe('unused forms', () => {
  const open = async () => lab.post('/api/direct-uploads', {});

  it('are issued up to 200, even concurrently', async () => {
    const responses = await Promise.all(Array.from({ length: 210 }, open));

    expect(responses.filter(({ status }) => status === 201)).toHaveLength(200);
    expect(responses.filter(({ body }) => body['errorCode'] === 'LAB_BUSY')).toHaveLength(10);
  });

  it('are not counted when the cloud issued none', async () => {
    lab.emulator.faults.add({
      operation: 'upload-link',
      effect: { kind: 'errcode', errcode: 45_009 },
      times: 210,
    });
    const failed = await Promise.all(Array.from({ length: 210 }, open));

    expect(failed.filter(({ status }) => status === 201)).toEqual([]);
    lab.emulator.faults.clear();
    expect((await open()).status).toBe(201);
  });
});

describe('the progress of uploads', () => {
  it('is sent to 200 clients at once, and to another one when one has left', async () => {
    const clients = Array.from({ length: 200 }, () => new AbortController());
    const watch = async (options: RequestInit = {}) =>
      fetch(`${lab.url}/api/progress/${randomUUID()}`, options);
    const responses = await Promise.all(clients.map(({ signal }) => watch({ signal })));
    expect(responses.filter(({ status }) => status === 200)).toHaveLength(200);

    const refused = await watch();
    expect([refused.status, await refused.json()]).toEqual([
      503,
      expect.objectContaining({ errorCode: 'LAB_BUSY' }),
    ]);
    const [first, ...others] = clients;
    first?.abort();
    await until(() => lab.streams.open === 199, 'the end of one');
    const last = new AbortController();
    expect((await watch({ signal: last.signal })).status).toBe(200);
    for (const client of [...others, last]) client.abort();
  });
});
