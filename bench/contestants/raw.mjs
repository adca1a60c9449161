// The upper limit: Node's HTTP server pipes the request body unchanged to undici, with its length.
import { createServer } from 'node:http';
import { Agent, request } from 'undici';
import { declaredSizeOf } from './nest.mjs';

/** Starts the contestant. */
export async function start(cloud) {
  const dispatcher = new Agent();
  const server = createServer(async (incoming, outgoing) => {
    const { statusCode, body } = await request(`${cloud}/cos`, {
      method: 'POST',
      dispatcher,
      headers: {
        'content-type': incoming.headers['content-type'],
        'content-length': incoming.headers['content-length'],
      },
      body: incoming,
    });
    await body.dump();
    const answer = JSON.stringify({ size: declaredSizeOf(incoming) });
    outgoing.writeHead(statusCode === 204 ? 201 : 502, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(answer),
    });
    outgoing.end(answer);
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  const close = async () => {
    await new Promise(resolve => server.close(resolve));
    await dispatcher.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, close };
}
