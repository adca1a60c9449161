import { describe, expect, it } from '@jest/globals';
import { readCommandLine, UsageError } from '../../../lib/cli/command-line.js';

describe('readCommandLine', () => {
  it.each([
    ['--help', { name: 'help' }],
    ['-h', { name: 'help' }],
    ['emulator --help', { name: 'help' }],
    ['check -h', { name: 'help' }],
    ['--version', { name: 'version' }],
    ['emulator', { name: 'emulator', given: { port: 4100 } }],
    ['emulator --port 0 --data-dir a/b', { name: 'emulator', given: { port: 0, dataDir: 'a/b' } }],
    [
      'emulator --env prod-1 --appid=wx12 --secret s.e-c_1 --bucket 8888-prod-1-1300000001',
      {
        name: 'emulator',
        given: {
          port: 4100,
          env: 'prod-1',
          appid: 'wx12',
          secret: 's.e-c_1',
          bucket: '8888-prod-1-1300000001',
        },
      },
    ],
    [
      'emulator --latency-ms 50 --cors-origin http://a --cors-origin http://b --allowed-host c.d',
      {
        name: 'emulator',
        given: {
          port: 4100,
          latencyMs: 50,
          corsOrigins: ['http://a', 'http://b'],
          allowedHosts: ['c.d'],
        },
      },
    ],
    ['check', { name: 'check', given: { bucket: false } }],
    ['check --bucket --dotenv .env', { name: 'check', given: { bucket: true, dotenv: '.env' } }],
  ])('reads "%s"', (line, expected) => {
    expect(readCommandLine(line.split(' '))).toEqual(expected);
  });

  it.each([
    [[], 'Missing command.'],
    [['emulate'], 'Unknown command "emulate".'],
    [['\u001B[2J\u202Ex'], 'Unknown command "?[2J?x".'],
    [['emulator', '--prot', '4100'], "Unknown option '--prot'."],
    [['emulator', '--port'], "Option '--port <value>' argument missing."],
    [['emulator', '--port', '--env'], "Option '--port' argument is ambiguous."],
    [['emulator', '--port', 'http'], '--port must be an integer, 0 or more.'],
    [['emulator', '--port', '-1'], "Option '--port' argument is ambiguous."],
    [['emulator', '--latency-ms', '1.5'], '--latency-ms must be an integer, 0 or more.'],
    [['emulator', 'now'], "Unexpected argument 'now'."],
    [
      ['emulator', '\n\u0007'.repeat(300)],
      expect.stringMatching(/^Unexpected argument '\?{179}…\.$/),
    ],
    [['check', '--bucket=yes'], "Option '--bucket' does not take an argument."],
    [['check', '--port', '1'], "Unknown option '--port'."],
  ])('rejects %j', (words, message) => {
    const read = (): unknown => readCommandLine(words);
    expect(read).toThrow(UsageError);
    expect(read).toThrow(expect.objectContaining({ message }));
  });

  it.each(['a b', "it's", '#x', '', 'a\nWX_APPID=b', '密'])(
    'rejects the secret %j, which a line of .env cannot hold, without repeating it',
    secret => {
      const read = (): unknown => readCommandLine(['emulator', `--secret=${secret}`]);
      const message = '--secret must consist of letters, digits, "_", ".", ":" and "-".';
      expect(read).toThrow(expect.objectContaining({ message }));
    },
  );
});
