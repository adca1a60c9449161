import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startApplication, type TestApplication } from '../../support/application.js';

const lines: [string, unknown][] = [];
const take =
  (level: string) =>
  (message: unknown): void =>
    void lines.push([level, message]);

let application: TestApplication;
beforeEach(async () => {
  application = await startApplication();
  lines.length = 0;
  Logger.overrideLogger({
    log: take('log'),
    warn: take('warn'),
    error: take('error'),
    debug: take('debug'),
  });
});
afterEach(async () => {
  Logger.overrideLogger(false);
  await application.close();
});

describe('the lines of the log', () => {
  it('name a fetched token by its life alone, for those who follow closely', async () => {
    const { storage, emulator } = application;
    await storage.upload('a', 'b');
    expect(lines).toEqual([['debug', 'An access token was fetched; it lives for 7200 s.']]);
    expect(JSON.stringify(lines)).not.toContain(emulator.options.secret);
  });

  it('say nothing of what the caller is told anyway', async () => {
    application.emulator.misconfigure('wrong-secret');
    await expect(application.storage.upload('a', 'b')).rejects.toMatchObject({ errcode: 40125 });
    expect(lines).toEqual([]);
  });
});
