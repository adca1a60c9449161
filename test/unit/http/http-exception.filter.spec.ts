import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type ArgumentsHost, Logger } from '@nestjs/common';
import { firstValueFrom, type Observable } from 'rxjs';
import { WxCloudStorageError } from '../../../lib/errors/errors.js';
import { WxCloudExceptionFilter } from '../../../lib/http/http-exception.js';

const ERROR = new WxCloudStorageError({ code: 'WX_CLOUD_API_FAILED', message: 'Ask WeChat.' });
const TOLD = {
  status: 'error',
  message: 'The cloud storage could not complete the request.',
  errorCode: 'WX_CLOUD_API_FAILED',
};

const lines: unknown[] = [];
beforeEach(() => {
  lines.length = 0;
  const error = (line: unknown): void => void lines.push(line);
  Logger.overrideLogger({ log() {}, warn() {}, error });
});
afterAll(() => Logger.overrideLogger(false));

function hostOf(type: string, client: object = {}): ArgumentsHost {
  return { getType: () => type, switchToWs: () => ({ getClient: () => client }) } as ArgumentsHost;
}

describe('WxCloudExceptionFilter outside HTTP', () => {
  it('sends the caller of a message handler the public part of the error and writes one line', async () => {
    const result = new WxCloudExceptionFilter().catch(ERROR, hostOf('rpc')) as Observable<never>;
    await expect(firstValueFrom(result)).rejects.toEqual(TOLD);
    expect(lines).toEqual([
      '502 WX_CLOUD_API_FAILED: Ask WeChat. (nestjs-wx-cloud-storage/docs/errors.md#wx_cloud_api_failed)',
    ]);
  });

  it('sends a Socket.IO client an exception event', () => {
    const events: unknown[] = [];
    const client = { emit: (...event: unknown[]) => void events.push(event) };
    expect(new WxCloudExceptionFilter().catch(ERROR, hostOf('ws', client))).toBeUndefined();
    expect(events).toEqual([['exception', TOLD]]);
    expect(lines).toHaveLength(1);
  });

  it('sends a plain WebSocket a message', () => {
    const sent: string[] = [];
    const client = {
      readyState: 1,
      send: (text: string) => void sent.push(text),
      emit: () => true,
    };
    new WxCloudExceptionFilter().catch(ERROR, hostOf('ws', client));
    expect(sent.map(text => JSON.parse(text) as unknown)).toEqual([
      { event: 'exception', data: TOLD },
    ]);
  });

  it('rethrows the exception for a resolver', () => {
    const response = expect.objectContaining({ cause: ERROR });
    expect(() => new WxCloudExceptionFilter().catch(ERROR, hostOf('graphql'))).toThrow(response);
  });

  it('writes no line for an error of the client', () => {
    const error = new WxCloudStorageError({
      code: 'WX_CLOUD_FILE_ID_INVALID',
      message: 'Foreign.',
    });
    void new WxCloudExceptionFilter().catch(error, hostOf('ws'));
    expect(lines).toEqual([]);
  });
});
