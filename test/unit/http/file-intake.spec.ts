import { randomUUID } from 'node:crypto';
import { describe, expect, it, jest } from '@jest/globals';
import { FileIntake } from '../../../lib/http/file-intake.js';
import { NEVER } from '../support/server.js';
import type { WxCloudHttpRequest, WxCloudIncomingFile } from '../../../lib/http/upload-options.js';

const request = {} as WxCloudHttpRequest;
const file = { fieldname: 'photo', originalname: 'a.bin', mimetype: 'image/png' };

describe("an application's own detection", () => {
  it('cannot change what is stored', async () => {
    const head = Buffer.from('first bytes of no known type');
    const detectContentType = (seen: Uint8Array): string => {
      seen.fill(0);
      return 'application/x-own';
    };
    const intake = new FileIntake({ detectContentType }, request, file);
    await intake.inspect(head, NEVER);
    expect(head.toString()).toBe('first bytes of no known type');
    await expect(intake.plan(5, NEVER)).resolves.toMatchObject({
      contentType: 'application/x-own',
    });
  });
});

describe('a path function', () => {
  it('is given the same UUID for the same file, however often it is asked', async () => {
    const path = jest.fn(({ uuid }: WxCloudIncomingFile) => `own/${uuid}`);
    const intake = new FileIntake({ path }, request, file);
    const plans = [await intake.plan(5, NEVER), await intake.plan(5, NEVER)];
    expect(plans[0]).toEqual(plans[1]);
  });

  it.each<[string, (file: WxCloudIncomingFile) => string, boolean | undefined, boolean]>([
    ['with the UUID', ({ uuid }) => `own/${uuid}.png`, undefined, true],
    ['with the UUID in a folder', ({ uuid }) => `${uuid}/a.png`, false, true],
    ['without it', () => 'own/a.png', undefined, false],
    ['with a part of it', ({ uuid }) => `own/${uuid.slice(0, -1)}`, undefined, false],
    ['with another one', () => `own/${randomUUID()}`, undefined, false],
    ['that the application vouches for', () => 'own/a.png', true, true],
  ])('returns a path %s', async (_, path, uniquePath, isPathUnique) => {
    const intake = new FileIntake({ path, uniquePath }, request, file);
    await expect(intake.plan(5, NEVER)).resolves.toMatchObject({ isPathUnique });
  });
});

describe('a function of the application that does not answer', () => {
  const endless = (): Promise<never> => new Promise(() => {});

  it.each<[string, (signal: AbortSignal) => Promise<unknown>]>([
    [
      'detectContentType',
      signal =>
        new FileIntake({ detectContentType: endless }, request, file).inspect(Buffer.of(1), signal),
    ],
    ['path', signal => new FileIntake({ path: endless }, request, file).plan(5, signal)],
  ])('is not waited for when the upload ends: %s', async (_, ask) => {
    const caller = new AbortController();
    const asking = ask(caller.signal);
    caller.abort(new Error('ended'));
    await expect(asking).rejects.toBe(caller.signal.reason);
  });
});
