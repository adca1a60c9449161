import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { runCheck } from '../../../lib/cli/check-command.js';
import { UsageError } from '../../../lib/cli/command-line.js';
import { runEmulator } from '../../../lib/cli/emulator-command.js';
import { Terminal } from '../../../lib/cli/terminal.js';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import { FakeProcess } from '../support/fake-process.js';

let child: FakeProcess;
let terminal: Terminal;
beforeEach(() => {
  child = new FakeProcess();
  terminal = new Terminal(child);
});

describe('runEmulator', () => {
  it('prints the variables, logs each request, and ends on a signal', async () => {
    const running = runEmulator({ port: 0 }, terminal);
    await once(child.stdout, 'readable');
    const [comment = '', ...lines] = child.readLines();
    expect(lines).toContainEqual(expect.stringMatching(/^WX_ENV_ID=/));
    await fetch(`${/http:\S+(?=,)/.exec(comment)?.[0]}/cgi-bin/token`);
    await once(child.stdout, 'readable');
    expect(child.readLines()).toEqual([expect.stringMatching(/^GET token \/cgi-bin\/token /)]);
    child.emit('SIGINT', 'SIGINT');
    await running;
  });

  it('names an invalid option as the command line does', async () => {
    const starting = runEmulator({ port: 0, latencyMs: -1 }, terminal);
    await expect(starting).rejects.toThrow(/^--latency-ms /);
    await expect(starting).rejects.toBeInstanceOf(UsageError);
  });

  it('names a port in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await expect(runEmulator({ port }, terminal)).rejects.toThrow(`Port ${port} of 127.0.0.1`);
    server.close();
  });
});

describe('runCheck', () => {
  const NAMES = ['WX_ENV_ID', 'WX_APPID', 'WX_SECRET', 'WX_API_BASE_URL'] as const;
  let emulator: WxCloudEmulator;
  beforeEach(async () => {
    emulator = await startWxCloudEmulator();
    const { env, appid, secret, apiBaseUrl } = emulator.options;
    const values = [env, appid, secret, apiBaseUrl];
    NAMES.forEach((name, index) => (process.env[name] = values[index]));
  });
  afterEach(async () => {
    for (const name of NAMES) delete process.env[name];
    await emulator.close();
  });

  it('prints a line for each part and returns 0', async () => {
    await expect(runCheck({ bucket: true }, terminal)).resolves.toBe(0);
    const parts = child.readLines().filter(line => line.startsWith('ok '));
    expect(parts.map(line => line.split(/[ :]+/)[1])).toEqual([
      'credential',
      'environment',
      'write',
      'read',
      'delete',
    ]);
  });

  it('returns 1 when a part fails', async () => {
    emulator.misconfigure('wrong-secret');
    await expect(runCheck({ bucket: false }, terminal)).resolves.toBe(1);
    expect(child.readLines()).toContainEqual(expect.stringMatching(/^FAILED {2}credential: /));
  });

  it('names missing variables and the option --dotenv', async () => {
    delete process.env['WX_SECRET'];
    await expect(runCheck({ bucket: false }, terminal)).rejects.toThrow(/WX_SECRET.* --dotenv/s);
  });

  it('names an unreadable file', async () => {
    const checking = runCheck({ bucket: false, dotenv: '/there/is/no/.env' }, terminal);
    await expect(checking).rejects.toThrow(/^The file \/there\/is\/no\/.env cannot be read: /);
  });
});
