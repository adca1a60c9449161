'use strict';

// Dispatchers of the application's own undici, in several versions.
const assert = require('node:assert/strict');
const { createServer, request } = require('node:http');
const { connect } = require('node:net');
const { Readable } = require('node:stream');
const { withApplication } = require('./application.cjs');

/** undici 8 needs Node 22. */
const VERSIONS = parseInt(process.versions.node, 10) < 22 ? [7] : [7, 8];
const CHUNK = Buffer.alloc(65_536, 'chunk');
const CHUNKS = 32;

/** Starts a proxy that tunnels or forwards, as requested, and counts its requests. */
const startProxy = async () => {
  const asked = [];
  const server = createServer((incoming, answer) => {
    asked.push(incoming.url);
    const { method, headers } = incoming;
    const forwarded = request(incoming.url, { method, headers, agent: false }, response => {
      answer.writeHead(response.statusCode, response.rawHeaders);
      response.pipe(answer);
    });
    forwarded.on('error', () => answer.destroy());
    incoming.pipe(forwarded);
  });
  server.on('connect', ({ url }, client) => {
    asked.push(url);
    const { hostname, port } = new URL(`http://${url}`);
    const target = connect(Number(port), hostname, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      target.pipe(client).pipe(target);
    });
    target.on('error', () => client.destroy());
    client.on('error', () => target.destroy());
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  return { url, asked, close: () => new Promise(resolve => server.close(resolve)) };
};

/** Uploads and downloads a file as a stream, and requests a missing one. */
const roundTrip = (modules, dispatcher) =>
  withApplication(modules, { options: { dispatcher } }, async ({ app }) => {
    const service = app.get(modules.storage.WxCloudStorageService, { strict: false });
    const body = Readable.from(Array.from({ length: CHUNKS }, () => CHUNK));
    const size = CHUNKS * CHUNK.length;
    const { fileId } = await service.upload('a/chunks.bin', body, { size });
    assert.equal((await service.stat(fileId)).size, size);
    const chunks = await (await service.download(fileId)).body.toArray();
    assert.ok(Buffer.concat(chunks).equals(Buffer.alloc(size, CHUNK)));
    await service.delete(fileId);
    assert.equal(await service.exists(fileId), false);
  });

const checksOf = version => {
  const load = () => require(`undici-${version}`);
  return {
    [`an agent of undici ${version} does all calls`]: async modules => {
      const agent = new (load().Agent)();
      await roundTrip(modules, agent);
      await agent.close();
    },
    [`a retrying agent of undici ${version} does all calls`]: async modules => {
      const { Agent, RetryAgent } = load();
      const agent = new Agent();
      await roundTrip(modules, new RetryAgent(agent));
      await agent.close();
    },
    [`a proxy of undici ${version} does all calls`]: async modules => {
      const proxy = await startProxy();
      const agent = new (load().ProxyAgent)(proxy.url);
      await roundTrip(modules, agent);
      await agent.close();
      await proxy.close();
      assert.notEqual(proxy.asked.length, 0);
    },
  };
};

exports.checks = Object.assign({}, ...VERSIONS.map(checksOf));
