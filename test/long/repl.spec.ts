import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { builtPackage, ROOT } from '../package/support/files.js';

/** An application with an upload route, against its own emulator, in Nest's REPL. */
const PROGRAM = `
const { Controller, Module, Post, UseInterceptors } = require('@nestjs/common');
const { repl } = require('@nestjs/core');
const { WxCloudFileInterceptor, WxCloudStorageModule } = require('nestjs-wx-cloud-storage');
const { startWxCloudEmulator } = require('nestjs-wx-cloud-storage/emulator');

async function main() {
  const emulator = await startWxCloudEmulator();
  class PhotosController {
    create() {}
  }
  Controller('photos')(PhotosController);
  const route = Object.getOwnPropertyDescriptor(PhotosController.prototype, 'create');
  Post()(PhotosController.prototype, 'create', route);
  UseInterceptors(WxCloudFileInterceptor('photo'))(PhotosController.prototype, 'create', route);
  class AppModule {}
  Module({
    imports: [WxCloudStorageModule.forRoot(emulator.options)],
    controllers: [PhotosController],
  })(AppModule);
  const server = await repl(AppModule);
  server.on('exit', () => emulator.close());
}
void main();
`;

/** Typed lines; the second one waits for what the first one has begun. */
const COMMANDS = `
get(require('nestjs-wx-cloud-storage').WxCloudStorageService).upload('notes/a.txt', 'text')
_.then(stored => console.log('stored as ' + stored.cloudPath))
`;

describe('repl', () => {
  it('starts with a module that has an upload route, and stores a file', async () => {
    builtPackage();
    const child = spawn(process.execPath, ['-e', PROGRAM], { cwd: ROOT, stdio: 'pipe' });
    const errors = text(child.stderr);
    child.stdin.write(COMMANDS);
    const closed = once(child, 'close');
    const output = await readUntil(child.stdout, 'stored as ');
    child.stdin.end('.exit\n');
    child.stdout.resume();
    await closed;

    expect(await errors).toBe('');
    expect(output).toMatch(/^stored as notes\/a\.txt$/m);
  });
});

/** Collects what a process prints up to the line with this text, or to its end. */
async function readUntil(stream: Readable, wanted: string): Promise<string> {
  let output = '';
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    output += String(chunk);
    const start = output.indexOf(wanted);
    if (start !== -1 && output.includes('\n', start)) break;
  }
  return output;
}
