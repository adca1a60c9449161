import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** The response of one route. */
export interface ScriptedResponse {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | object;
  /**
   * Leaves the body unfinished.
   * @defaultValue false
   */
  readonly isUnfinished?: boolean;
}

/** The response of every route; by default that of the real service on success. */
export interface CloudScript {
  readonly uploadLink?: ScriptedResponse;
  readonly postObject?: ScriptedResponse;
  readonly headObject?: ScriptedResponse;
  readonly getObject?: ScriptedResponse;
  /** Given what was asked for, and the address of the cloud. */
  readonly downloadLinks?: (fileIds: readonly string[], url: string) => ScriptedResponse;
  /** Given what was asked for. */
  readonly deleteFiles?: (fileIds: readonly string[]) => ScriptedResponse;
}

/** A cloud with the responses of a test, where the emulator would be too true to life. */
export interface ScriptedCloud {
  readonly url: string;
  readonly options: {
    readonly env: string;
    readonly appid: string;
    readonly secret: string;
    readonly apiBaseUrl: string;
  };
  /** `METHOD /path` of every request, in order. */
  readonly requests: readonly string[];
  /** The same for requests whose connection was closed before the response was complete. */
  readonly aborted: readonly string[];
  close(): Promise<void>;
}

/** The file ID of every upload link. */
export const FILE_ID = 'cloud://scripted.7363-scripted-1300000000/kept.txt';

/** Starts one. */
export async function startScriptedCloud(script: CloudScript): Promise<ScriptedCloud> {
  const requests: string[] = [];
  const aborted: string[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await read(request);
    const path = new URL(request.url ?? '', 'http://localhost').pathname;
    const answered =
      respondToBatch(path, { script, body, url: urlOf(server) }) ??
      respondTo(`${request.method} ${path}`, script, urlOf(server));
    response.writeHead(answered.status ?? 200, answered.headers ?? {});
    const { body: given = '', isUnfinished = false } = answered;
    const content = typeof given === 'string' ? given : JSON.stringify(given);
    if (isUnfinished) response.write(content);
    else response.end(content);
  };
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '', 'http://localhost').pathname;
    requests.push(`${request.method} ${path}`);
    response.once('close', () => {
      if (!response.writableFinished) aborted.push(`${request.method} ${path}`);
    });
    void answer(request, response);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const url = urlOf(server);
  return {
    url,
    requests,
    aborted,
    options: {
      env: 'scripted',
      appid: 'wx1234567890abcdef',
      secret: 'a-secret-of-the-script',
      apiBaseUrl: url,
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

async function read(request: IncomingMessage): Promise<string> {
  return text(request).catch(() => '');
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface BatchRequest {
  readonly script: CloudScript;
  readonly body: string;
  readonly url: string;
}

function respondToBatch(
  path: string,
  { script, body, url }: BatchRequest,
): ScriptedResponse | undefined {
  if (path === '/tcb/batchdownloadfile' && script.downloadLinks !== undefined) {
    const { file_list } = JSON.parse(body) as { file_list: { fileid: string }[] };
    return script.downloadLinks(
      file_list.map(({ fileid }) => fileid),
      url,
    );
  }
  if (path !== '/tcb/batchdeletefile' || script.deleteFiles === undefined) return undefined;
  return script.deleteFiles((JSON.parse(body) as { fileid_list: string[] }).fileid_list);
}

function respondTo(request: string, script: CloudScript, url: string): ScriptedResponse {
  switch (request) {
    case 'POST /cgi-bin/stable_token':
      return { body: { access_token: 'a-scripted-token', expires_in: 7200 } };
    case 'POST /tcb/uploadfile':
      return script.uploadLink ?? { body: makeLink(`${url}/cos/kept.txt`) };
    case 'POST /tcb/batchdownloadfile':
      return {
        body: {
          errcode: 0,
          file_list: [{ fileid: FILE_ID, download_url: `${url}/get?sign=00&t=1`, status: 0 }],
        },
      };
    case 'POST /tcb/batchdeletefile':
      return { body: { errcode: 0, delete_list: [{ fileid: FILE_ID, status: 0 }] } };
    case 'GET /get':
      return script.getObject ?? {};
    case 'HEAD /get':
      return script.headObject ?? {};
    default:
      return script.postObject ?? { status: 204 };
  }
}

/** The response of the upload link call with another address to post to. */
export function makeLink(url: string): object {
  return {
    errcode: 0,
    errmsg: 'ok',
    url,
    token: 'a-security-token',
    authorization: 'q-sign-algorithm=sha1&q-signature=0000',
    file_id: FILE_ID,
    cos_file_id: 'a-meta-file-id',
  };
}
