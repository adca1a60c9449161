import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import type { HealthIndicatorService } from '@nestjs/terminus';
import { WxCloudStorageError } from '../../../lib/errors/errors.js';
import type { WxCloudStorageService } from '../../../lib/index.js';
import { WxCloudHealthIndicator } from '../../../lib/terminus/health-indicator.js';

type Check = WxCloudStorageService['check'];
type Report = Awaited<ReturnType<Check>>;

const REFUSED = new WxCloudStorageError({
  code: 'WX_CLOUD_CREDENTIAL_REFUSED',
  message: 'The credential was refused. Check it.',
});
const FAILED = {
  credential: { status: 'failed', error: REFUSED },
  environment: { status: 'skipped' },
} as Report;

/** Checks through a service whose answers are given, without a cache. */
function checkWith(check: Check) {
  return checkThrough({ check, capabilities: { list: false } });
}

function checkThrough(storage: object) {
  const modules = { get: () => storage } as unknown as ModuleRef;
  const health = {
    check: (key: string) => ({
      up: () => ({ [key]: { status: 'up' } }),
      down: (problem: object) => ({ [key]: { status: 'down', ...problem } }),
    }),
  } as unknown as HealthIndicatorService;
  const indicator = new WxCloudHealthIndicator(modules, health);
  return async () => {
    const result = await indicator.isHealthy('a', { bucket: true, cacheSeconds: 0, timeoutMs: 50 });
    return result.a;
  };
}

beforeAll(() => Logger.overrideLogger(false));

describe('a health check', () => {
  it('is down when the token is refused between its two looks', async () => {
    const check = jest.fn<Check>();
    check.mockResolvedValueOnce({
      credential: { status: 'ok' },
      environment: { status: 'skipped' },
    } as Report);
    check.mockResolvedValueOnce(FAILED);

    const result = await checkWith(check)();

    expect(result).toMatchObject({ status: 'down', code: 'WX_CLOUD_CREDENTIAL_REFUSED' });
  });

  it('names the failure, not the wait for the next try', async () => {
    const check = jest.fn<Check>(
      ({ signal } = {}) =>
        new Promise((_, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    );
    check.mockResolvedValueOnce(FAILED);
    const isHealthy = checkWith(check);
    await isHealthy();

    const result = await isHealthy();

    expect(result).toMatchObject({ status: 'down', code: 'WX_CLOUD_CREDENTIAL_REFUSED' });
  });

  it('says which method a fake of the service lacks', async () => {
    const result = await checkThrough({ upload: () => {} })();

    expect(result).toMatchObject({
      status: 'down',
      code: 'WX_CLOUD_ARGUMENT_INVALID',
      message: expect.stringContaining('check()'),
    });
  });

  it('works through a fake with that method alone', async () => {
    const ok = { status: 'ok' };
    const check = async () => ({ credential: ok, environment: ok });

    await expect(checkThrough({ check })()).resolves.toEqual({ status: 'up' });
  });
});
