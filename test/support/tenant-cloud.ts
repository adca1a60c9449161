import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** An environment of a tenant, with the bucket that belongs to it. */
export interface Tenant {
  readonly env: string;
  readonly appid: string;
  readonly secret: string;
  readonly bucket: string;
}

/** A cloud with many environments, each of which knows what belongs to it. */
export interface TenantCloud {
  readonly url: string;
  /** The AppIDs of all token calls, in order. */
  readonly tokenCalls: readonly string[];
  /** Calls to an environment with something of another one. */
  readonly crossings: readonly string[];
  /** Contents by `<bucket>/<path>`. */
  readonly objects: ReadonlyMap<string, string>;
  countConnections(): Promise<number>;
  close(): Promise<void>;
}

interface Call {
  readonly path: string;
  readonly token: string;
  readonly body: string;
}

interface ApiBody {
  readonly appid: string;
  readonly secret: string;
  readonly env: string;
  readonly path: string;
  readonly file_list: readonly { readonly fileid: string }[];
}

class Environments {
  readonly tokenCalls: string[] = [];
  readonly crossings: string[] = [];
  readonly objects = new Map<string, string>();
  readonly #tenants: readonly Tenant[];

  constructor(tenants: readonly Tenant[]) {
    this.#tenants = tenants;
  }

  /** The response to a call of the API. */
  answer(call: Call, url: string): object {
    const body = JSON.parse(call.body) as ApiBody;
    if (call.path === '/cgi-bin/stable_token') return this.#issueToken(body);
    const { env, bucket, appid } = this.#tenantOf('env', body.env);
    this.#expect(call.token, tokenOf(appid), `token for ${env}`);
    if (call.path === '/tcb/uploadfile') {
      return {
        errcode: 0,
        url: `${url}/bucket/${bucket}`,
        token: 'a-security-token',
        authorization: `signed-for-${env}`,
        file_id: `cloud://${env}.${bucket}/${body.path}`,
        cos_file_id: `meta-of-${env}`,
      };
    }
    const file_list = body.file_list.map(({ fileid }) => {
      const start = `cloud://${env}.${bucket}/`;
      this.#expect(fileid.slice(0, start.length), start, `file ID for ${env}`);
      const download_url = `${url}/object/${bucket}/${fileid.slice(start.length)}?sign=0&t=1`;
      return { fileid, download_url, status: 0 };
    });
    return { errcode: 0, file_list };
  }

  /** Stores the file of a form. */
  store(bucket: string, form: string): void {
    const { env } = this.#tenantOf('bucket', bucket);
    const field = (name: string): string =>
      new RegExp(`name="${name}"[^]*?\r\n\r\n([^]*?)\r\n--`).exec(form)?.[1] ?? '';
    this.#expect(field('Signature'), `signed-for-${env}`, `signature for ${bucket}`);
    this.#expect(field('x-cos-meta-fileid'), `meta-of-${env}`, `metadata for ${bucket}`);
    this.objects.set(`${bucket}/${field('key')}`, field('file'));
  }

  #issueToken({ appid, secret }: ApiBody): object {
    this.tokenCalls.push(appid);
    const isRight = this.#tenants.some(each => each.appid === appid && each.secret === secret);
    if (!isRight) return { errcode: 40125, errmsg: 'invalid appsecret' };
    return { access_token: tokenOf(appid), expires_in: 7_200 };
  }

  #tenantOf(key: 'env' | 'bucket', value: string): Tenant {
    const found = this.#tenants.find(tenant => tenant[key] === value);
    if (found === undefined) throw new Error(`no tenant has the ${key} ${value}`);
    return found;
  }

  #expect(given: string, expected: string, what: string): void {
    if (given !== expected) this.crossings.push(`${what}: ${given}`);
  }
}

/** The token of an AppID. */
export function tokenOf(appid: string): string {
  return `token-of-${appid}`;
}

/** Starts a cloud with the environments of these tenants. */
export async function startTenantCloud(tenants: readonly Tenant[]): Promise<TenantCloud> {
  const environments = new Environments(tenants);
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = `http://${request.headers.host}`;
    const { pathname, searchParams } = new URL(request.url ?? '', url);
    const [, folder, ...rest] = pathname.split('/');
    const body = await text(request);
    if (folder === 'object') {
      const content = environments.objects.get(rest.join('/')) ?? '';
      response.setHeader('etag', '"an-etag"').end(content);
    } else if (folder === 'bucket') {
      environments.store(rest.join('/'), body);
      response.writeHead(204, { etag: '"an-etag"' }).end();
    } else {
      const token = searchParams.get('access_token') ?? '';
      response.end(JSON.stringify(environments.answer({ path: pathname, token, body }, url)));
    }
  };
  const server = createServer((request, response) => {
    respond(request, response).catch(() => response.destroy());
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tokenCalls: environments.tokenCalls,
    crossings: environments.crossings,
    objects: environments.objects,
    countConnections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
      }),
    close: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}
