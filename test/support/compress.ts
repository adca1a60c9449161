import type { ServerResponse } from 'node:http';
import { createGzip } from 'node:zlib';

/**
 * Compresses a response as the package compression does: its content passes through a stream, which
 * ends it later, and which gets the listeners of `drain`.
 */
export function compress(response: ServerResponse): void {
  const gzip = createGzip();
  const { writeHead, write, end, on } = response;
  const begin = (): unknown => response.headersSent || response.writeHead(response.statusCode);
  gzip.on('data', (chunk: Buffer) => Reflect.apply(write, response, [chunk]));
  gzip.on('end', () => Reflect.apply(end, response, []));
  Object.assign(response, {
    writeHead: (status: number, ...given: readonly unknown[]) => {
      for (const [name, value] of Object.entries({ ...(given.at(-1) as object) }))
        response.setHeader(name, value as string);
      response.removeHeader('content-length');
      response.setHeader('content-encoding', 'gzip');
      return Reflect.apply(writeHead, response, [status]);
    },
    write: (chunk: Buffer) => {
      begin();
      return gzip.write(chunk);
    },
    end: (chunk?: Buffer) => {
      begin();
      return gzip.end(chunk);
    },
    flush: () => gzip.flush(),
    on: (...given: Parameters<typeof on>) =>
      given[0] === 'drain' ? gzip.on(...given) : Reflect.apply(on, response, given),
  });
}
